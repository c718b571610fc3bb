// A workflow version compiled for planning: positions, edges both ways, policies read once.
//  N1. Positions are stable: tasks in alphabetical order of key, then hooks in the order of their events.
//  N2. A plan is immutable and shared by all runs of its version.
import {
  actionKindOf,
  asksEachIndex,
  chainOf,
  cleanupTimeoutMsOf,
  defaultMaxParallel,
  graceMsOf,
  hookKeysOf,
  hookNames,
  isCleanup,
  isMapped,
  joinOf,
  leaseMsOf,
  onLostOf,
  priorityOf,
  retryOf,
  runTimeoutMsOf,
  slotsOf,
  taskOf,
  type CanonicalTask,
  type CanonicalWorkflow,
  type HookName,
  type JoinKind,
  type RetryPolicy,
} from "@capstan/proto";

export interface PlanTask {
  readonly key: string;
  readonly position: number;
  readonly task: CanonicalTask;
  readonly executor: string;
  /** Positions of its needs and of the tasks that need it. */
  readonly needs: readonly number[];
  readonly successors: readonly number[];
  readonly join: JoinKind;
  /** Goes on, or starts as its join allows, when the run is cancelled or out of time. */
  readonly cleanup: boolean;
  readonly allowFailure: boolean;
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly timeoutMs: number | undefined;
  readonly retry: RetryPolicy;
  readonly onLost: "retry" | "fail";
  readonly priority: number | undefined;
  readonly slots: number;
  /** The event whose hook it is; undefined for a task of the graph. */
  readonly hook: HookName | undefined;
  /** For a task with `forEach` or `matrix`. */
  readonly mapping: Mapping | undefined;
}

export interface Mapping {
  /** Position of the mapped task that a chain follows. */
  readonly head: number | undefined;
  readonly maxParallel: number;
  readonly failFast: boolean;
  readonly minSuccess: CanonicalTask["minSuccess"];
  /** Whether `if` is asked for each index. */
  readonly eachIndex: boolean;
}

export interface Plan {
  readonly digest: string;
  readonly document: CanonicalWorkflow;
  readonly tasks: readonly PlanTask[];
  /** How many of `tasks` belong to the graph; hooks follow. */
  readonly graphSize: number;
  readonly positionOf: ReadonlyMap<string, number>;
  readonly timeoutMs: number;
  readonly cleanupTimeoutMs: number;
}

function mappingOf(task: CanonicalTask, positionOf: ReadonlyMap<string, number>): Mapping | undefined {
  if (!isMapped(task)) return undefined;
  const chain = chainOf(task);
  return {
    head: chain === undefined ? undefined : positionOf.get(chain),
    maxParallel: task.maxParallel ?? defaultMaxParallel,
    failFast: task.failFast ?? false,
    minSuccess: task.minSuccess,
    eachIndex: asksEachIndex(task),
  };
}

/** Compiles a canonical document. It must have passed the checker: needs exist and hold no cycle. */
export function compilePlan(digest: string, document: CanonicalWorkflow): Plan {
  const keys = Object.keys(document.tasks).sort();
  const graphSize = keys.length;
  const hookOf = new Map<string, HookName>();
  for (const name of hookNames) {
    for (const key of hookKeysOf(document, name)) {
      hookOf.set(key, name);
      keys.push(key);
    }
  }
  const positionOf = new Map(keys.map((key, position) => [key, position]));
  const successors: number[][] = keys.map(() => []);
  const needsOf: number[][] = keys.map((key, position) => {
    const needs = (document.tasks[key]?.needs ?? []).map((need) => {
      const at = positionOf.get(need);
      if (at === undefined) throw new Error(`task ${key} needs ${need}, which the document does not have`);
      successors[at]?.push(position);
      return at;
    });
    return needs;
  });
  const tasks = keys.map((key, position): PlanTask => {
    const task = taskOf(document, key);
    if (task === undefined) throw new Error(`the document has no task ${key}`);
    return {
      key,
      position,
      task,
      executor: actionKindOf(task.action),
      needs: needsOf[position] ?? [],
      successors: successors[position] ?? [],
      join: joinOf(task),
      cleanup: isCleanup(task),
      allowFailure: task.allowFailure ?? false,
      leaseMs: leaseMsOf(task),
      graceMs: graceMsOf(task),
      timeoutMs: task.timeoutMs,
      retry: retryOf(task),
      onLost: onLostOf(task),
      priority: priorityOf(task),
      slots: slotsOf(task),
      hook: hookOf.get(key),
      mapping: mappingOf(task, positionOf),
    };
  });
  return {
    digest,
    document,
    tasks,
    graphSize,
    positionOf,
    timeoutMs: runTimeoutMsOf(document),
    cleanupTimeoutMs: cleanupTimeoutMsOf(document),
  };
}
