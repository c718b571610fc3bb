// Data classes: what carries one, where it may be read, and where it must not go.
//  D1. Each output carries every class that its task reads, in any expression or by `data`, unless it is declassified.
//  D2. A task that reads or makes a class must prove by literals of `runsOn` that it runs only where the class is allowed.
//  D3. A value whose class forbids it inline leaves an agent as a file reference only, so no expression of the control
//      plane ever meets it; where the class forbids it, no notifier, hook or label names it either. What an action gives
//      by itself (rows, the body of an answer) is not told then, and nothing may refer to it.
// The walk follows the graph in the order of its edges, so a class is seen through any number of tasks in between.
import { guess } from "../expression/nearest.ts";
import { referencesOf, type Reference } from "../expression/references.ts";
import {
  hookNames,
  taskHookNames,
  type CanonicalTask,
  type CanonicalWorkflow,
  type DataClass,
  type ValueDeclaration,
} from "./canonical.ts";
import { forEachExpression } from "./context-names.ts";
import { graphOf } from "./edges.ts";
import { givesOf } from "./gives.ts";
import { chainOf } from "./mapping.ts";
import type { ProblemList } from "./problems.ts";
import { hookKey } from "./task-of.ts";

type Path = readonly (string | number)[];

/** The mark of a value that has left all its classes; no class may be called so. */
export const publicData = "public";

/** Class → the way it came: `cohort.rows`, `mix.table`. */
type Carried = ReadonlyMap<string, readonly string[]>;
const nothing: Carried = new Map();

export function checkData(document: CanonicalWorkflow, problems: ProblemList): void {
  const checker = new DataChecker(document, problems);
  checker.checkAll();
}

/** Label → the values that a join token must have pinned on an agent which handles the data. */
export type DataRules = Readonly<Record<string, readonly string[]>>;

/** What one task or hook has to do with classified data. */
export interface HandledData {
  /** What it reads or makes. */
  readonly classes: readonly string[];
  readonly rules: DataRules;
  /** Output → the classes that it carries, those included that its action gives by itself. */
  readonly outputs: ReadonlyMap<string, readonly string[]>;
}

/** By key, for each task and hook that handles a class. The document must have passed the check. */
export function handledDataOf(document: CanonicalWorkflow): ReadonlyMap<string, HandledData> {
  if (document.data === undefined) return new Map();
  const checker = new DataChecker(document, { add: () => undefined });
  checker.checkAll();
  return checker.handled;
}

class DataChecker {
  readonly handled = new Map<string, HandledData>();
  readonly #document: CanonicalWorkflow;
  readonly #classes: Readonly<Record<string, DataClass>>;
  readonly #problems: Pick<ProblemList, "add">;
  /** `inputs.x` and `tasks.x.outputs.y` → what they carry. */
  readonly #carried = new Map<string, Carried>();
  /** Names of values that stay on their agent altogether, and the class for which they do. */
  readonly #withheld = new Map<string, string>();

  constructor(document: CanonicalWorkflow, problems: Pick<ProblemList, "add">) {
    this.#document = document;
    this.#classes = document.data ?? {};
    this.#problems = problems;
  }

  checkAll(): void {
    const { inputs = {}, tasks, hooks = {}, labels = {}, outputs = {} } = this.#document;
    if (Object.hasOwn(this.#classes, publicData)) {
      this.#problems.add({
        code: "reserved_name",
        detail: `${publicData} says that a value has no class any more`,
        path: ["data", publicData],
        atKey: true,
      });
    }
    for (const [name, declaration] of Object.entries(inputs)) this.#input(name, declaration);
    for (const id of inOrder(this.#document)) {
      const task = tasks[id];
      if (task !== undefined) this.#task(id, task);
    }
    for (const event of hookNames) {
      for (const [index, hook] of (hooks[event] ?? []).entries()) {
        this.#sink(hook, ["hooks", event, index], `the hook ${event}`, hookKey(event, index));
      }
    }
    for (const [id, task] of Object.entries(tasks)) {
      for (const event of taskHookNames) {
        for (const [index, hook] of (task.hooks?.[event] ?? []).entries()) {
          this.#sink(
            hook,
            ["tasks", id, "hooks", event, index],
            `the hook ${event} of ${id}`,
            hookKey(event, index, id),
          );
        }
      }
    }
    for (const [name, value] of Object.entries(labels)) {
      const path: Path = ["labels", name];
      this.#untold(this.#reads([value], [], path), path, `the label ${name}`);
    }
    for (const [name, { value }] of Object.entries(outputs)) this.#reads([value], [], ["outputs", name]);
  }

  #input(name: string, declaration: ValueDeclaration): void {
    const path: Path = ["inputs", name];
    const carried = new Map<string, readonly string[]>();
    for (const one of this.#declared(classesIn(declaration), path)) carried.set(one, [`inputs.${name}`]);
    this.#carried.set(`inputs.${name}`, carried);
    this.#inline(carried, declaration, path, `inputs.${name}`);
  }

  #task(id: string, task: CanonicalTask): void {
    const path: Path = ["tasks", id];
    const { hooks: _after, ...itself } = task;
    const reads = this.#reads([itself], this.#declared(task.data ?? [], [...path, "data"]), path, id);
    // An index of a chain has the item of the task before it without naming it.
    const chain = chainOf(task);
    if (chain !== undefined) {
      for (const [one, way] of this.#carried.get(`tasks.${chain}`) ?? nothing) if (!reads.has(one)) reads.set(one, way);
    }
    const handled = new Map(reads);
    const outputs = new Map<string, readonly string[]>();
    for (const [name, declaration] of Object.entries({ ...givesOf(task.action), ...task.outputs })) {
      const isDeclared = task.outputs?.[name] !== undefined;
      const carried = isDeclared
        ? this.#output(id, name, declaration, reads)
        : this.#given(id, name, declaration, reads);
      this.#carried.set(`tasks.${id}.outputs.${name}`, carried);
      outputs.set(name, [...carried.keys()]);
      for (const [one, way] of carried) if (!handled.has(one)) handled.set(one, way);
    }
    this.#carried.set(`tasks.${id}`, reads);
    this.#handles(id, handled, outputs);
    if ("notify" in task.action) this.#untold(reads, path, `the task ${id}`);
    this.#placed(task, handled, path, id);
  }

  /** What an action gives by itself carries what the task reads. Nobody asked for it, so it is withheld and not refused. */
  #given(id: string, name: string, declaration: ValueDeclaration, reads: Carried): Carried {
    const carried = new Map([...reads].map(([one, way]) => [one, [...way, `${id}.${name}`]]));
    if (declaration.type === "file") return carried;
    const [one] = [...reads.keys()].filter((each) => this.#classes[each]?.inline !== "allowed");
    if (one !== undefined) this.#withheld.set(`tasks.${id}.outputs.${name}`, one);
    return carried;
  }

  #handles(key: string, handled: Carried, outputs: ReadonlyMap<string, readonly string[]>): void {
    if (handled.size === 0) return;
    const rules: Record<string, readonly string[]> = {};
    for (const one of handled.keys()) {
      for (const [label, allowed] of Object.entries(this.#classes[one]?.allowedOn ?? {})) {
        // A pool is what it is; a label counts only where a join token has pinned it, which is asked of each agent.
        if (label === "pool") continue;
        const before = rules[label];
        rules[label] = before === undefined ? allowed : before.filter((value) => allowed.includes(value));
      }
    }
    this.handled.set(key, { classes: [...handled.keys()].toSorted(), rules, outputs });
  }

  /** What an output carries once it is declared, declassified or neither. */
  #output(id: string, name: string, declaration: ValueDeclaration, reads: Carried): Carried {
    const path: Path = ["tasks", id, "outputs", name];
    const { declassify } = declaration;
    const here = `${id}.${name}`;
    const own = this.#declared(
      classesIn(declaration).filter((one) => one !== publicData),
      path,
    );
    const carried = new Map<string, readonly string[]>();
    for (const [one, way] of reads) if (one !== declassify?.from) carried.set(one, [...way, here]);
    for (const one of own) if (!carried.has(one)) carried.set(one, [here]);
    if (declassify !== undefined) this.#declared([declassify.from], [...path, "declassify", "from"]);
    if (declaration.data?.includes(publicData) === true) {
      for (const [one, way] of carried) {
        this.#problems.add({
          code: "declassify_missing",
          detail: `${here} is said to be public and carries ${one}: ${way.join(" → ")}`,
          hint: `add declassify: { from: ${one}, reason: … }, if the task really takes out what makes it ${one}`,
          path: [...path, "data"],
        });
      }
      return nothing;
    }
    this.#inline(carried, declaration, path, here);
    return carried;
  }

  /** A value of a class that forbids it must be a file, of which the control plane has the reference alone. */
  #inline(carried: Carried, declaration: ValueDeclaration, path: Path, name: string): void {
    if (declaration.type === "file") return;
    for (const [one, way] of carried) {
      if (this.#classes[one]?.inline === "allowed") continue;
      this.#problems.add({
        code: "data_inline",
        detail: `${name} carries ${one} and would be kept by the control plane: ${way.join(" → ")}`,
        hint: "make it a file, or declassify it",
        path,
        atKey: true,
      });
    }
  }

  /** A hook: a notifier must be allowed to tell the class, other work must run where it is allowed. */
  #sink(hook: Pick<CanonicalTask, "action" | "runsOn">, path: Path, name: string, key: string): void {
    const reads = this.#reads([hook], [], path);
    if ("notify" in hook.action) {
      this.#untold(reads, path, name);
      return;
    }
    this.#handles(key, reads, new Map());
    this.#placed(hook, reads, path, name);
  }

  #untold(reads: Carried, path: Path, name: string): void {
    for (const [one, way] of reads) {
      if (this.#classes[one]?.notify === "allowed") continue;
      this.#problems.add({
        code: "data_rule_violated",
        detail: `${name} would tell a value of the class ${one}: ${way.join(" → ")}`,
        hint: "leave the value out, or declassify it first",
        path,
        atKey: true,
      });
    }
  }

  #placed(task: Pick<CanonicalTask, "action" | "runsOn">, handled: Carried, path: Path, name: string): void {
    for (const [one, way] of handled) {
      const route = way.at(-1)?.startsWith(`${name}.`) === true ? way : [...way, name];
      const told = { code: "data_rule_violated", path: [...path, "runsOn"], atKey: true } as const;
      if (["workflow", "approval", "wait"].some((kind) => Object.hasOwn(task.action, kind))) {
        const detail = `${name} runs on no agent and meets the class ${one}: ${route.join(" → ")}`;
        this.#problems.add({ ...told, path, detail, hint: "declassify the value first" });
        continue;
      }
      for (const [label, allowed] of Object.entries(this.#classes[one]?.allowedOn ?? {})) {
        if (isPinned(task.runsOn, label, allowed)) continue;
        this.#problems.add({
          ...told,
          detail: `${name} is not bound to ${label}: ${allowed.join(" or ")}, where ${one} may be: ${route.join(" → ")}`,
          hint: `write runsOn: { ${label}: ${allowed[0] ?? ""} }, without an expression`,
        });
      }
    }
  }

  /** What a part of the document reads: by its expressions, and what is declared beside them. */
  #reads(
    trees: readonly unknown[],
    declared: readonly string[],
    path: Path,
    id?: string,
  ): Map<string, readonly string[]> {
    const found = new Map<string, readonly string[]>();
    for (const one of declared) found.set(one, id === undefined ? [] : [id]);
    const add = (carried: Carried | undefined): void => {
      for (const [one, way] of carried ?? nothing) if (!found.has(one)) found.set(one, way);
    };
    forEachExpression(trees, ({ $expr }) => {
      for (const reference of safeReferences($expr)) {
        const names = this.#named(reference);
        for (const name of names) add(this.#carried.get(name));
        const [name = ""] = names;
        const withheldFor = names.length === 1 ? this.#withheld.get(name) : undefined;
        if (withheldFor !== undefined) this.#refuseWithheld(name, withheldFor, path);
      }
    });
    return found;
  }

  #refuseWithheld(name: string, one: string, path: Path): void {
    const [, task = "", , output = ""] = name.split(".");
    this.#problems.add({
      code: "data_inline",
      detail: `${name} carries ${one} and stays on its agent`,
      hint: `let ${task} write a file${/[A-Z]/.test(output) ? "" : `, or declare ${output} under its outputs and declassify it`}`,
      path,
      atKey: true,
    });
  }

  /** Names of the values that a reference may mean; state and counts of a task are no values of it. */
  #named({ root, steps }: Reference): readonly string[] {
    const [first, second, third] = steps.map((step) => step.name);
    if (root === "inputs") return first === undefined ? this.#all("inputs.") : [`inputs.${first}`];
    if (root === "prev") return this.#all("tasks.");
    if (root !== "tasks") return [];
    if (first === undefined) return this.#all("tasks.");
    if (second === "outputs" && third !== undefined) return [`tasks.${first}.outputs.${third}`];
    return second === undefined || second === "outputs" || second === "results"
      ? this.#all(`tasks.${first}.outputs.`)
      : [];
  }

  #all(prefix: string): readonly string[] {
    return [...this.#carried.keys()].filter((name) => name.startsWith(prefix));
  }

  /** Of these names those that are classes; the others are reported. */
  #declared(names: readonly string[], path: Path): readonly string[] {
    return names.filter((name) => {
      if (Object.hasOwn(this.#classes, name)) return true;
      this.#problems.add({
        code: "unknown_class",
        detail: `${name} is not a data class of this workflow`,
        hint: guess(name, Object.keys(this.#classes)) ?? "declare it under data, with allowedOn",
        path,
      });
      return false;
    });
  }
}

/** True where every agent that `runsOn` admits has one of the allowed values of the label. */
function isPinned(runsOn: CanonicalTask["runsOn"], label: string, allowed: readonly string[]): boolean {
  const given = label === "pool" ? runsOn?.pool : runsOn?.labels?.[label];
  const values = Array.isArray(given) ? given : given === undefined ? [] : [given];
  return values.length > 0 && values.every((value) => typeof value === "string" && allowed.includes(value));
}

/** The classes of a declaration, those of its parts included: a value is handled as a whole. */
function classesIn(declaration: ValueDeclaration): readonly string[] {
  const { data = [], items, properties = {}, additionalProperties } = declaration;
  const parts = [items, ...Object.values(properties), additionalProperties];
  return [...data, ...parts.flatMap((part) => (typeof part === "object" ? classesIn(part) : []))];
}

function safeReferences(text: string): readonly Reference[] {
  try {
    return referencesOf(text);
  } catch {
    return []; // the checker of expressions reports the syntax
  }
}

/** Ids of the tasks, each after those it needs; those on a cycle, which is reported, are left out. */
function inOrder(document: CanonicalWorkflow): readonly string[] {
  const { needs, neededBy } = graphOf(document);
  const open = new Map([...needs].map(([id, list]) => [id, list.filter((need) => needs.has(need)).length]));
  const ready = [...open].filter(([, count]) => count === 0).map(([id]) => id);
  for (let next = 0; next < ready.length; next++) {
    for (const id of neededBy.get(ready[next] ?? "") ?? []) {
      const left = (open.get(id) ?? 0) - 1;
      open.set(id, left);
      if (left === 0) ready.push(id);
    }
  }
  return ready;
}
