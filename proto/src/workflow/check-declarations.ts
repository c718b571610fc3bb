// Declarations of inputs and outputs, and the references of secrets.
import { patternError } from "../expression/pattern.ts";
import { checkPrincipals } from "./check-control.ts";
import type { CanonicalTask, CanonicalWorkflow, ValueDeclaration } from "./canonical.ts";
import { isExpr, isText } from "./canonical.ts";
import type { ProblemList } from "./problems.ts";
import { parseSecretReference } from "./secret-reference.ts";
import type { WorkflowSource } from "./schema.ts";
import { checkValue } from "./values.ts";
import type { JsonValue } from "../json.ts";

type Path = readonly (string | number)[];

export function checkDeclarations(document: CanonicalWorkflow, problems: ProblemList): void {
  const inputs = Object.entries(document.inputs ?? {});
  if (inputs.length > 100)
    problems.add({ code: "too_large", detail: "a workflow has at most 100 inputs", path: ["inputs"], atKey: true });
  for (const [name, declaration] of inputs) checkDeclaration(declaration, ["inputs", name], problems);
  for (const [id, task] of Object.entries(document.tasks)) {
    for (const [name, declaration] of Object.entries(task.outputs ?? {}))
      checkDeclaration(declaration, ["tasks", id, "outputs", name], problems);
    checkApprovers(id, task, problems);
    if (!("approval" in task.action)) continue;
    for (const [name, declaration] of Object.entries(task.action.approval.form ?? {})) {
      const path = ["tasks", id, "approval", "form", name];
      checkDeclaration(declaration, path, problems);
      if (holdsExpression(declaration.default)) {
        problems.add({
          code: "bad_value",
          detail: `the default of ${name} in a form is a value, not an expression`,
          path: [...path, "default"],
        });
      }
    }
  }
}

/** One answer is for all outputs of a task that wait for one, so they are asked of the same people. */
function checkApprovers(id: string, task: CanonicalTask, problems: ProblemList): void {
  let first: string | undefined;
  for (const [name, { declassify }] of Object.entries(task.outputs ?? {})) {
    const { approvers } = declassify ?? {};
    if (approvers === undefined) continue;
    const path = ["tasks", id, "outputs", name, "declassify", "approvers"];
    checkPrincipals(approvers, path, problems);
    const asked = [...new Set(approvers)].toSorted().join(", ");
    if (asked === "") problems.add({ code: "bad_value", detail: "approvers names nobody", path });
    if (first !== undefined && first !== asked)
      problems.add({
        code: "bad_value",
        detail: `another output of ${id} asks ${first}`,
        hint: "name the same for each",
        path,
      });
    first = asked;
    for (const key of ["cache", "poll"] as const) {
      if (task[key] === undefined) continue;
      const detail = `${key} does not go with approvers: each value is asked for by itself`;
      problems.add({ code: "not_applicable", detail, path, atKey: true });
    }
  }
}

const textKeys = ["minLength", "maxLength", "pattern", "format"] as const;
const numberKeys = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"] as const;
const keywordsOf: Readonly<Record<ValueDeclaration["type"], readonly string[]>> = {
  string: textKeys,
  integer: numberKeys,
  number: numberKeys,
  boolean: [],
  array: ["items", "minItems", "maxItems", "uniqueItems"],
  object: ["properties", "required", "additionalProperties"],
  file: ["mediaType", "maxSize", "path"],
};
const typed: ReadonlySet<string> = new Set(Object.values(keywordsOf).flat());

function checkDeclaration(declaration: ValueDeclaration, path: Path, problems: ProblemList): void {
  const allowed = keywordsOf[declaration.type];
  for (const key of Object.keys(declaration)) {
    if (typed.has(key) && !allowed.includes(key)) {
      const hint = `${declaration.type} takes ${allowed.join(", ") || "no such keyword"}`;
      problems.add({
        code: "not_applicable",
        detail: `${key} does not apply to the type ${declaration.type}`,
        hint,
        path: [...path, key],
        atKey: true,
      });
    }
  }
  const wrong = declaration.pattern === undefined ? undefined : patternError(declaration.pattern);
  if (wrong !== undefined)
    problems.add({
      code: "bad_pattern",
      detail: wrong,
      hint: "RE2 has no look-around and no back references",
      path: [...path, "pattern"],
    });
  else checkLiteralDefault(declaration, path, problems);
  if (declaration.items !== undefined) checkDeclaration(declaration.items, [...path, "items"], problems);
  for (const [name, property] of Object.entries(declaration.properties ?? {}))
    checkDeclaration(property, [...path, "properties", name], problems);
  if (typeof declaration.additionalProperties === "object")
    checkDeclaration(declaration.additionalProperties, [...path, "additionalProperties"], problems);
}

function checkLiteralDefault(declaration: ValueDeclaration, path: Path, problems: ProblemList): void {
  const value = declaration.default;
  if (value === undefined || holdsExpression(value)) return;
  for (const { detail } of checkValue(declaration, value as JsonValue, ["default"])) {
    // it holds no expression
    problems.add({ code: "bad_value", detail, path: [...path, "default"] });
  }
}

function holdsExpression(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return isExpr(value) || isText(value) || Object.values(value).some(holdsExpression);
}

export function checkSecretReferences(source: WorkflowSource, problems: ProblemList): void {
  if (source.secrets === undefined || Array.isArray(source.secrets)) return;
  for (const [name, text] of Object.entries(source.secrets)) {
    const reference = parseSecretReference(text);
    if (reference === undefined) {
      // The text is not repeated: somebody may have written the secret itself.
      problems.add({
        code: "secret_reference_invalid",
        detail: `secrets.${name} is not a reference`,
        hint: "write env:NAME, file:alias/path or vault:alias/mount/path#key; never the value",
        path: ["secrets", name],
      });
    } else if (reference.store === "k8s") {
      problems.add({
        code: "not_supported",
        detail: "references of the form k8s: are not supported yet",
        path: ["secrets", name],
      });
    }
  }
}
