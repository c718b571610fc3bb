// Again: a new run that re-uses what succeeded in an earlier one (docs/language.md, "Again").
//  N1. The earlier run never changes. What is re-used is a task run of the new one: succeeded, without an attempt, with the
//      outputs and a link to the run where it was executed.
//  N2. Re-usable is what would come out the same: the task succeeded, it and its code are the same, so are the inputs that
//      it reads, its files still exist, and everything that it needs is re-used too.
//      A mapped task is re-used as a whole where each of its indexes succeeded, and by index otherwise (index-reuse.ts).
//  N3. A skip is decided anew. Where it cannot come out otherwise, it does not keep those that need it from being re-used.
import {
  conditionNames,
  contextNames,
  forEachExpression,
  taskOf,
  type CanonicalTask,
  type CanonicalWorkflow,
  type JsonObject,
  type JsonValue,
} from "@capstan/proto";
import type { IndexesReused, IndexReuse, KeptIndexes } from "./index-reuse.ts";
import type { Mark } from "./marked.ts";
import type { Plan } from "./plan.ts";
import { same } from "./same.ts";
import { taskAt, type Run, type TaskRun } from "./snapshot.ts";
import { varsOf } from "./vars.ts";

/** What runs anew: what did not succeed; one task and all after it; everything. */
export const againModes = ["failed", "from", "all"] as const;
export type AgainMode = (typeof againModes)[number];

/** The run that a run repeats. */
export interface RunOrigin {
  readonly kind: "retry" | "rerun";
  readonly runId: string;
  /** `nightly-41` */
  readonly name: string;
  readonly actor: string;
  readonly mode?: AgainMode;
  /** Of a retry: one higher than its origin's. */
  readonly attempt: number;
  /** Of a retry: the time that the origin was for. */
  readonly scheduledMs?: number;
  /** Of a retry: indexes that are not executed again, of mapped tasks that run anew. */
  readonly indexes?: KeptIndexes;
  /** Of a retry that had to wait: how it begins. A file that is gone by then fails the task that reads it. */
  readonly kept?: {
    readonly reused: readonly (readonly [position: number, reuse: Reuse])[];
    readonly marks: readonly (readonly [position: number, mark: Mark])[];
  };
}

/** Where a re-used task run was executed. */
export interface ReusedFrom {
  readonly runId: string;
  readonly run: string;
}

export interface Reuse {
  readonly outputs: JsonObject;
  readonly from: ReusedFrom;
  /** Of a mapped task: its list, and what each index gave. */
  readonly mapped?: { readonly items: readonly JsonValue[]; readonly outputs: readonly JsonObject[] };
}

/** How a new run begins that repeats another one; positions are those of its own plan. */
export interface Again {
  readonly origin: RunOrigin;
  readonly reused: ReadonlyMap<number, Reuse>;
  readonly marks: ReadonlyMap<number, Mark>;
}

/** The origin of a run that has to wait, with all that its beginning needs. */
export function keepAgain({ origin, reused, marks }: Again): RunOrigin {
  if (reused.size + marks.size === 0) return origin;
  return { ...origin, kept: { reused: [...reused], marks: [...marks] } };
}

/** How a run that waited begins; undefined for one that repeats nothing. */
export function keptAgain(origin: RunOrigin | undefined): Again | undefined {
  if (origin?.kept === undefined) return undefined;
  return { origin, reused: new Map(origin.kept.reused), marks: new Map(origin.kept.marks) };
}

export interface AgainRequest {
  readonly earlier: Run;
  readonly earlierName: string;
  /** The plan and the values of the new run. */
  readonly plan: Plan;
  readonly inputs: JsonObject;
  readonly vars: JsonObject;
  readonly mode: AgainMode;
  /** Position of the task to begin with, for `from`. */
  readonly from: number | undefined;
  readonly marks: ReadonlyMap<number, Mark>;
  /** Of the files that `filesOf(earlier)` names, those that are gone. */
  readonly filesGone: ReadonlySet<string>;
}

export interface NotReusable {
  readonly task: string;
  readonly why: string;
}

export type AgainPlan =
  | {
      readonly kind: "planned";
      readonly reused: ReadonlyMap<number, Reuse>;
      /** By position of a mapped task that runs anew. */
      readonly indexes: ReadonlyMap<number, IndexesReused>;
    }
  | { readonly kind: "not_reusable"; readonly tasks: readonly NotReusable[] };

/** Decides what a retry re-uses. `not_reusable` only for `from`, where all else must be. */
export function planAgain(request: AgainRequest): AgainPlan {
  const { plan, mode } = request;
  const reused = new Map<number, Reuse>();
  const indexes = new Map<number, IndexesReused>();
  if (mode === "all") return { kind: "planned", reused, indexes };
  const anew = mode === "from" && request.from !== undefined ? withSuccessors(plan, request.from) : new Set<number>();
  const refused: NotReusable[] = [];
  // What a need came to, before those that need it: re-used, a skip that cannot come out otherwise, or anew.
  const settled = new Set<number>();
  for (const position of inOrder(plan)) {
    if (anew.has(position) || request.marks.has(position)) continue;
    const key = plan.tasks[position]?.key ?? "";
    const task = earlierTask(request, key);
    const why = whyNot(request, position, task, settled);
    if (why === undefined && task?.state === "succeeded") {
      settled.add(position);
      const mapped = mappedOf(request.earlier, task);
      reused.set(position, {
        outputs: task.outputs ?? {},
        ...(mapped === undefined ? {} : { mapped }),
        from: task.flags?.reused ?? { runId: request.earlier.id, run: request.earlierName },
      });
    } else if (why === undefined) settled.add(position);
    else {
      if (task?.state !== "skipped") refused.push({ task: key, why });
      const some = indexesOf(request, position, task, settled, indexes);
      if (some.size > 0) indexes.set(position, some);
    }
  }
  if (mode === "from" && refused.length > 0) return { kind: "not_reusable", tasks: refused };
  return { kind: "planned", reused, indexes };
}

/** The list and the outputs of a mapped task run. */
function mappedOf(run: Run, { map }: TaskRun): Reuse["mapped"] {
  if (map === undefined) return undefined;
  return { items: map.items, outputs: map.items.map((_, index) => taskAt(run, map.base + index)?.outputs ?? {}) };
}

/** Indexes that succeeded, of a mapped task that did not, or not with all of them. */
function indexesOf(
  request: AgainRequest,
  position: number,
  group: TaskRun | undefined,
  settled: ReadonlySet<number>,
  earlier: ReadonlyMap<number, IndexesReused>,
): IndexesReused {
  const found = new Map<number, IndexReuse>();
  const planTask = request.plan.tasks[position];
  if (planTask === undefined || group?.map === undefined) return found;
  const { head } = planTask.mapping ?? {};
  const before = head === undefined || settled.has(head) ? undefined : earlier.get(head);
  // A chain follows its head index by index, as long as it asks about nothing else of it.
  if (before !== undefined && head !== undefined && asksOf(request, planTask.key, head)) return found;
  const done = before === undefined || head === undefined ? settled : new Set([...settled, head]);
  if (whatDiffers(request, position, done) !== undefined) return found;
  for (const [index, item] of group.map.items.entries()) {
    const task = taskAt(request.earlier, group.map.base + index);
    if (task?.state !== "succeeded" || (before !== undefined && !before.has(index))) continue;
    const outputs = task.outputs ?? {};
    if ([...filesIn(outputs)].some((sha256) => request.filesGone.has(sha256))) continue;
    const from = task.flags?.reused ?? { runId: request.earlier.id, run: request.earlierName };
    found.set(index, { item, outputs, from });
  }
  return found;
}

/** Whether a task refers to another one by its name. */
function asksOf({ plan }: AgainRequest, key: string, other: number): boolean {
  const planTask = plan.tasks[plan.positionOf.get(key) ?? -1];
  const name = plan.tasks[other]?.key ?? "";
  if (planTask === undefined) return true;
  return namesOf(plan.document, key, planTask.task).some(
    (one) => one === "tasks" || one === `tasks.${name}` || one.startsWith(`tasks.${name}.`),
  );
}

/** Digests of the files among the outputs of a run's tasks. */
export function filesOf(run: Run): ReadonlySet<string> {
  const found = new Set<string>();
  for (const task of run.tasks) {
    addFiles(task?.outputs ?? null, found);
    if (task?.map !== undefined) addFiles(mappedOf(run, task)?.outputs ?? null, found);
  }
  return found;
}

/** Digests of the files in a value. */
export function filesIn(value: JsonValue): ReadonlySet<string> {
  const found = new Set<string>();
  addFiles(value, found);
  return found;
}

function addFiles(value: JsonValue, found: Set<string>): void {
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) return value.forEach((one: JsonValue) => addFiles(one, found));
  for (const [key, child] of Object.entries(value)) {
    if (key === "$file" && typeof child === "object" && child !== null && "sha256" in child) {
      if (typeof child.sha256 === "string") found.add(child.sha256);
    } else addFiles(child, found);
  }
}

/** Why a task is not re-used; undefined where it is, or where it is a skip that cannot come out otherwise. */
function whyNot(
  request: AgainRequest,
  position: number,
  task: TaskRun | undefined,
  settled: ReadonlySet<number>,
): string | undefined {
  const { plan, earlier } = request;
  const planTask = plan.tasks[position];
  if (planTask === undefined || task === undefined) return "the earlier run did not have it";
  if (task.state === "skipped") {
    if (task.effect !== "skip" || task.reason?.code === "skipped_by_task" || task.flags?.marked !== undefined)
      return "it was skipped";
  } else if (task.state !== "succeeded") return `it ${task.state === "timed_out" ? "timed out" : `is ${task.state}`}`;
  const differs = whatDiffers(request, position, settled);
  if (differs !== undefined) return differs;
  if (task.state === "skipped" && namesOf(plan.document, planTask.key, planTask.task).includes("run"))
    return "its condition asks about the run";
  if (task.map !== undefined && task.map.succeeded < task.map.items.length) return "not all of its indexes succeeded";
  const files = new Set<string>();
  addFiles(task.outputs ?? null, files);
  if (task.map !== undefined) addFiles(mappedOf(earlier, task)?.outputs ?? null, files);
  if ([...files].some((sha256) => request.filesGone.has(sha256))) return "a file that it made is gone";
  return undefined;
}

/** Why a task would not do the same again, whatever it came to: itself, its code, what it reads, what it needs. */
function whatDiffers(request: AgainRequest, position: number, settled: ReadonlySet<number>): string | undefined {
  const { plan, earlier } = request;
  const planTask = plan.tasks[position];
  if (planTask === undefined) return "the earlier run did not have it";
  const before = taskOf(earlier.plan.document, planTask.key);
  if (before === undefined || !sameTask(before, planTask.task)) return "it is another task in this version";
  if (usesCode(planTask.task) && bundleOf(earlier.plan.document) !== bundleOf(plan.document))
    return "its code is another one in this version";
  const names = namesOf(plan.document, planTask.key, planTask.task);
  const input = names.find((name) => !sameValue(request, name));
  if (input !== undefined) return `${input} is another one`;
  const need = planTask.needs.find((one) => !settled.has(one));
  return need === undefined ? undefined : `it needs ${plan.tasks[need]?.key ?? "a task"}, which runs anew`;
}

const earlierTask = ({ earlier }: AgainRequest, key: string): TaskRun | undefined => {
  const at = earlier.plan.positionOf.get(key);
  return at === undefined ? undefined : earlier.tasks[at];
};

/** Every name that decides what a task does: of its agent's part and of its condition. */
const namesOf = (document: CanonicalWorkflow, key: string, task: CanonicalTask): readonly string[] => [
  ...contextNames(document, key),
  ...(task.if === undefined ? [] : conditionNames(task.if)),
  ...listNames(task),
];

/** Names that the list of a mapped task is made from. */
function listNames({ forEach, matrix }: CanonicalTask): readonly string[] {
  const found: string[] = [];
  forEachExpression([forEach, matrix], (expr) => found.push(...conditionNames(expr)));
  return found;
}

/** Inputs and variables by their values; all other names follow from tasks and the run. */
function sameValue({ earlier, inputs, vars }: AgainRequest, name: string): boolean {
  const [root, key] = name.split(".");
  if (root !== "inputs" && root !== "vars") return true;
  const [before, after] = root === "inputs" ? [earlier.inputs, inputs] : [varsOf(earlier), vars];
  return key === undefined ? same(before, after) : same(before[key], after[key]);
}

/** Titles and texts are for people; the rest of a task is what it does. */
function sameTask(one: CanonicalTask, other: CanonicalTask): boolean {
  const { title: _a, description: _b, tags: _c, ...before } = one;
  const { title: _d, description: _e, tags: _f, ...after } = other;
  return same(before, after);
}

const bundleOf = (document: CanonicalWorkflow): string | undefined => document.code?.bundle;

/** True where an action is code from the bundle. */
export function usesCode(task: CanonicalTask): boolean {
  const fields: Readonly<Record<string, unknown>> = Object.assign({}, ...Object.values(task.action));
  return ["file", "call", "entry"].some((field) => typeof fields[field] === "string");
}

/** A task and everything that needs it, by however many steps. */
function withSuccessors(plan: Plan, first: number): Set<number> {
  const found = new Set([first]);
  for (const position of found) for (const next of plan.tasks[position]?.successors ?? []) found.add(next);
  return found;
}

/** Positions of the graph, each after its needs. */
function inOrder(plan: Plan): readonly number[] {
  const order = new Set<number>();
  const visit = (position: number): void => {
    if (order.has(position)) return;
    for (const need of plan.tasks[position]?.needs ?? []) visit(need);
    order.add(position);
  };
  for (let position = 0; position < plan.graphSize; position++) visit(position);
  return [...order];
}
