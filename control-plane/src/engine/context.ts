// What expressions see of a run: the JSON behind `inputs`, `tasks`, `run` and `needs` (docs/language.md, "What
// expressions see").
import {
  contextNames,
  evaluateTree,
  failureText,
  formatTime,
  idFromUuid,
  isTaskRunEnded,
  offerInputsBytesMax,
  pickContext,
  runName,
  scopeAt,
  type ExpressionContext,
  type Failure,
  type JsonObject,
  type JsonValue,
} from "@capstan/proto";
import type { Draft, Surroundings } from "./draft.ts";
import type { PlanTask } from "./plan.ts";
import { groupCounts, type MapState } from "./group.ts";
import { valuesOf } from "./vars.ts";
import { groupAt, taskAt, type Run, type RunFailure, type TaskRun } from "./snapshot.ts";

/** The page of a run; those of the project `default` are written without it. */
export function runUrl(run: Pick<Run, "project" | "plan" | "number">, publicUrl: string): string {
  const name = runName(run.plan.document.name, run.number);
  return run.project === "default" ? `${publicUrl}/runs/${name}` : `${publicUrl}/p/${run.project}/runs/${name}`;
}

/** The whole context of a run: for conditions and outputs, which the control plane evaluates itself. */
export function evaluationContext(
  run: Run,
  task: (position: number) => TaskRun | undefined = (position) => taskAt(run, position),
  only?: ReadonlySet<string>,
): ExpressionContext {
  const tasks: Record<string, JsonValue> = {};
  for (const planTask of run.plan.tasks) {
    if (planTask.hook !== undefined || (only !== undefined && !only.has(planTask.key))) continue;
    const taskRun = task(planTask.position);
    if (taskRun === undefined) continue;
    tasks[planTask.key] = planTask.mapping === undefined ? taskView(taskRun) : groupView(taskRun, task);
  }
  return { ...valuesOf(run), tasks };
}

function taskView(task: TaskRun): JsonObject {
  return {
    state: task.state,
    outputs: task.outputs ?? {},
    attempts: task.attempts,
    cached: task.flags?.cached !== undefined,
  };
}

const noCounts = { total: 0, succeeded: 0, failed: 0, skipped: 0, cancelled: 0 };

/** A mapped task. `results` is made when it is asked for; without a list there is none. */
function groupView(group: TaskRun, task: (position: number) => TaskRun | undefined): JsonObject {
  const { map } = group;
  const view: JsonObject = {
    state: group.state,
    counts: map === undefined ? noCounts : { ...groupCounts(map) },
    attempts: group.attempts,
    cached: false,
  };
  if (map === undefined) return view;
  return Object.defineProperty(view, "results", { enumerable: true, get: () => resultsOf(group, map, task) });
}

const results = new WeakMap<MapState, readonly JsonValue[]>();

/** What each index gave, in the order of the list; null where it did not succeed. */
function resultsOf(group: TaskRun, map: MapState, task: (position: number) => TaskRun | undefined): JsonValue {
  const known = results.get(map);
  if (known !== undefined) return known;
  const values = map.items.map((_, index) => {
    const run = task(map.base + index);
    return run?.state === "succeeded" ? (run.outputs ?? {}) : null;
  });
  if (isTaskRunEnded(group.state)) results.set(map, values);
  return values;
}

/** `item`, `index` and `prev` of an index task run; nothing for any other. */
export function indexContext(
  run: Pick<Run, "groups" | "plan">,
  position: number,
  task: (position: number) => TaskRun | undefined,
): Pick<ExpressionContext, "item" | "index" | "prev"> {
  const group = groupAt(run, position);
  const map = group === undefined ? undefined : task(group.position)?.map;
  if (group === undefined || map === undefined) return {};
  const index = position - group.base;
  const head = run.plan.tasks[group.position]?.mapping?.head;
  const before = head === undefined ? undefined : task(head)?.map;
  if (before === undefined) return { item: map.items[index] ?? null, index };
  const prev = task(before.base + index);
  // As `tasks.x.?outputs`: there are none where it did not succeed.
  const outputs = prev?.state === "succeeded" ? { outputs: prev.outputs ?? {} } : {};
  return { item: map.items[index] ?? null, index, prev: { state: prev?.state ?? "cancelled", ...outputs } };
}

/** `run` as expressions see it. `failure` only where something failed, so that `.?` finds it absent. */
export function runView(
  run: Run,
  around: Pick<Surroundings, "nowMs" | "publicUrl">,
  failure: RunFailure | undefined = run.failure,
): JsonObject {
  return {
    id: idFromUuid("run", run.id),
    // The commit that makes a run gives it its number: conditions that are asked before have neither, and say so.
    ...(run.number === 0 ? {} : { number: run.number, url: runUrl(run, around.publicUrl) }),
    workflow: run.plan.document.name,
    version: run.plan.digest,
    attempt: run.origin?.attempt ?? 1,
    state: run.state,
    ...scheduledOf(run),
    startedAt: run.startedMs ?? run.createdMs,
    duration: Math.max(0, (run.endedMs ?? around.nowMs) - (run.startedMs ?? run.createdMs)),
    labels: run.labels,
    ...(failure === undefined
      ? {}
      : {
          failure: {
            task: failure.task,
            index: failure.index ?? 0,
            class: failure.class,
            message: failureText(failure),
            attempt: failure.attempt ?? 0,
            agent: failure.agentId === undefined ? "" : idFromUuid("ag", failure.agentId),
            url: runUrl(run, around.publicUrl),
          },
        }),
  };
}

/** The tick that the run is for and the window that ends with it; of any other run, when it was asked for. */
function scheduledOf(run: Run): JsonObject {
  const { scheduledMs, windowStartMs } = run.trigger;
  const endMs = typeof scheduledMs === "number" ? scheduledMs : (run.origin?.scheduledMs ?? run.createdMs);
  const end = formatTime(endMs);
  return {
    scheduledAt: end,
    window: { start: typeof windowStartMs === "number" ? formatTime(windowStartMs) : end, end },
  };
}

/** What `run.failure` is to a task run: to a hook of a task, that task's failure; to all others the run's. */
export function failureFor(
  run: Run,
  planTask: PlanTask,
  task: (position: number) => TaskRun | undefined = (position) => run.tasks[position],
): RunFailure | undefined {
  if (planTask.hookOf === undefined) return run.failure;
  const owner = task(planTask.hookOf);
  if (owner?.failure === undefined) return undefined;
  return {
    ...owner.failure,
    task: run.plan.tasks[planTask.hookOf]?.key ?? "",
    attempt: owner.attempts,
    ...(owner.agentId === undefined ? {} : { agentId: owner.agentId }),
  };
}

/** What the fields of a task that the control plane carries see: `wait`, `approval`, `workflow` and its `with`. */
export const controlContext = (draft: Draft, position: number): ExpressionContext => ({
  ...evaluationContext(draft.run, (position) => draft.task(position)),
  run: runView(draft.run, draft.around),
  trigger: draft.run.trigger,
  ...indexContext(draft.run, position, (at) => draft.task(at)),
});

/** What an offer carries: only what the task's own expressions name, frozen when the attempt is made. */
export const offerContext = (run: Run, planTask: PlanTask, position: number, around: Surroundings): JsonObject =>
  contextFor(run, planTask, position, around, (at) => taskAt(run, at));

export function contextFor(
  run: Run,
  planTask: PlanTask,
  position: number,
  around: Surroundings,
  task: (position: number) => TaskRun | undefined,
): JsonObject {
  const names = contextNames(run.plan.document, planTask.key);
  // What a scheduled run is for is in the environment of its tasks, whether or not they ask for it.
  const isScheduled = typeof run.trigger["scheduledMs"] === "number";
  if (names.length === 0) return isScheduled ? { run: scheduledOf(run) } : {};
  const tasks = new Set<string>();
  for (const name of names) {
    const [root, key] = name.split(".");
    if (root === "tasks" && key !== undefined) tasks.add(key);
  }
  const whole: ExpressionContext = {
    ...evaluationContext(run, task, names.includes("tasks") ? undefined : tasks),
    run: runView(run, around, failureFor(run, planTask)),
    trigger: run.trigger,
    ...indexContext(run, position, task),
    ...pollContext(planTask, task(position)),
  };
  const picked = pickContext(whole, names) as JsonObject; // parts of a JSON context are JSON
  return isScheduled && picked["run"] === undefined ? { ...picked, run: scheduledOf(run) } : picked;
}

/** `poll` and `cursor` as the next poll of a sensor sees them; nothing for any other task. */
function pollContext(planTask: PlanTask, task: TaskRun | undefined): Pick<ExpressionContext, "poll" | "cursor"> {
  if (planTask.poll === undefined) return {};
  const { polls, cursor } = task?.suspension?.kind === "poll" ? task.suspension : { polls: 0, cursor: null };
  return { poll: polls + 1, cursor };
}

/** Why a task cannot be offered: what its agent has to evaluate is more than an offer carries. */
export function offerProblem(draft: Draft, position: number): Failure | undefined {
  const planTask = draft.planTask(position);
  if (!planTask.readsMuch) return undefined;
  const bytes = JSON.stringify(contextFor(draft.run, planTask, position, draft.around, (at) => draft.task(at))).length;
  if (bytes <= offerInputsBytesMax) return undefined;
  return {
    class: "expression",
    code: "expression_failed",
    message: `the values that ${planTask.key} uses of other tasks are ${bytes} bytes as JSON, and a task is given at most ${offerInputsBytesMax}; let the others write files`,
  };
}

export type RunOutputs =
  | { readonly kind: "value"; readonly value: JsonObject | undefined }
  | { readonly kind: "failed"; readonly failure: Failure };

/** The outputs of a run whose task runs have all ended. */
export function runOutputs(draft: Draft): RunOutputs {
  const { document } = draft.run.plan;
  if (document.outputs === undefined) return { kind: "value", value: undefined };
  const context: ExpressionContext = {
    ...evaluationContext(draft.run, (position) => draft.task(position)),
    run: runView(draft.run, draft.around),
  };
  const values: Record<string, JsonValue> = {};
  const scope = scopeAt(document, "output");
  for (const [name, output] of Object.entries(document.outputs)) {
    try {
      values[name] = evaluateTree(output.value, context, { scope });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return {
        kind: "failed",
        failure: { class: "expression", code: "expression_failed", message: `output ${name}: ${message}` },
      };
    }
  }
  return { kind: "value", value: values };
}
