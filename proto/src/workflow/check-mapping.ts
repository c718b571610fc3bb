// `forEach`, `matrix` and what goes with them, as far as no expression is concerned.
import { guess } from "../expression/nearest.ts";
import { canonicalText } from "../expression/template.ts";
import type { CanonicalWorkflow } from "./canonical.ts";
import { chainOf, isMapped, matrixWords } from "./mapping.ts";
import type { ProblemList } from "./problems.ts";
import { namePattern, offeredName } from "./scalar-schema.ts";
import type { TaskSource } from "./task-schema.ts";

const onlyMapped = ["maxParallel", "failFast", "minSuccess"] as const;

export function checkMapping(id: string, task: TaskSource, document: CanonicalWorkflow, problems: ProblemList): void {
  const path = ["tasks", id] as const;
  const canonical = document.tasks[id];
  if (canonical === undefined) return;
  if (!isMapped(canonical)) {
    for (const key of onlyMapped) {
      if (task[key] === undefined) continue;
      problems.add({
        code: "not_applicable",
        detail: `${key} is for a task with forEach or matrix`,
        path: [...path, key],
        atKey: true,
      });
    }
    return;
  }
  if (task.forEach !== undefined && task.matrix !== undefined) {
    problems.add({
      code: "bad_value",
      detail: `${id} has forEach and matrix; a task is mapped by one of them`,
      path: [...path, "matrix"],
      atKey: true,
    });
  }
  const chain = chainOf(canonical);
  if (chain !== undefined) {
    const head = Object.hasOwn(document.tasks, chain) ? document.tasks[chain] : undefined;
    if (head === undefined) {
      problems.add({
        code: "unknown_task",
        detail: `${chain} is not a task`,
        hint: guess(chain, Object.keys(document.tasks)),
        path: [...path, "forEach", "chain"],
      });
    } else if (!isMapped(head)) {
      problems.add({
        code: "bad_value",
        detail: `${chain} has no indexes to wait for: it has neither forEach nor matrix`,
        hint: "name a mapped task, or write needs",
        path: [...path, "forEach", "chain"],
      });
    }
  } else if (typeof task.forEach === "string") needsList(task.forEach, "forEach", [...path, "forEach"], problems);
  if (task.matrix !== undefined) checkMatrix(task.matrix, [...path, "matrix"], problems);
}

/** A text is a list only where it is one expression. */
function needsList(text: string, name: string, path: readonly string[], problems: ProblemList): void {
  const value = canonicalText(text);
  if (typeof value === "object" && "$expr" in value) return;
  if (text.includes("${{") && typeof value === "string") return; // does not parse: reported with its expressions
  problems.add({ code: "type_mismatch", detail: `${name} needs a list, and this is text`, path });
}

function checkMatrix(matrix: NonNullable<TaskSource["matrix"]>, path: readonly string[], problems: ProblemList): void {
  const keys = Object.keys(matrix).filter((key) => !matrixWords.some((word) => word === key));
  if (keys.length === 0 && matrix["include"] === undefined) {
    problems.add({ code: "bad_value", detail: "a matrix needs at least one list", path });
  }
  for (const key of keys) {
    if (namePattern.test(key)) continue;
    const offered = offeredName(key, namePattern);
    problems.add({
      code: "bad_name",
      detail: `${JSON.stringify(key)} is not a name (${namePattern.source})`,
      hint: offered === undefined ? undefined : `write ${offered}`,
      path: [...path, key],
      atKey: true,
    });
  }
  for (const [key, list] of Object.entries(matrix)) {
    if (typeof list === "string") needsList(list, `matrix.${key}`, [...path, key], problems);
  }
  for (const word of matrixWords) {
    const list = matrix[word];
    if (!Array.isArray(list)) continue;
    for (const [index, item] of list.entries()) checkMap(word, item, keys, [...path, word, index], problems);
  }
}

function checkMap(
  word: (typeof matrixWords)[number],
  item: unknown,
  keys: readonly string[],
  path: readonly (string | number)[],
  problems: ProblemList,
): void {
  if (typeof item !== "object" || item === null || Array.isArray(item)) {
    problems.add({ code: "wrong_type", detail: `${word} is a list of maps, such as { os: linux }`, path });
    return;
  }
  if (word === "include") return;
  for (const key of Object.keys(item)) {
    if (keys.includes(key)) continue;
    problems.add({
      code: "bad_value",
      detail: `${key} is not a key of the matrix, so it excludes nothing`,
      hint: guess(key, keys),
      path: [...path, key],
      atKey: true,
    });
  }
}
