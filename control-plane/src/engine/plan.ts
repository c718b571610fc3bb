// A workflow version compiled for planning: positions, edges both ways, policies read once.
//  N1. Positions are stable: tasks in alphabetical order of key, then the hooks of the run in the order of their events,
//      then those of each task.
//  N2. A plan is immutable and shared by all runs of its version.
import {
  actionKindOf,
  asksEachIndex,
  chainOf,
  cleanupTimeoutMsOf,
  contextNames,
  defaultMaxParallel,
  graceMsOf,
  hookKeysOf,
  hookNames,
  isCleanup,
  isMapped,
  joinOf,
  leaseMsOf,
  mayKeepFiles,
  onLostOf,
  pollOf,
  priorityOf,
  residencyOf,
  retryOf,
  runTimeoutMsOf,
  slotsOf,
  takesOf,
  taskHookNames,
  taskOf,
  type CanonicalTask,
  type CanonicalWorkflow,
  type DataRules,
  type HookName,
  type JoinKind,
  type PollPolicy,
  type Residency,
  type RetryPolicy,
  type Takes,
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
  /** What an attempt takes of the host beside slots; undefined: nothing that is counted. */
  readonly takes: Takes | undefined;
  /** What the data that it handles demands of its agents: values of pinned labels, and classes that they allow. */
  readonly dataRules: DataRules | undefined;
  readonly data: readonly string[] | undefined;
  /** Whether a file that it is given may be kept on an agent alone, so that it has to run there. */
  readonly mayReadKept: boolean;
  /** Outputs that leave their class only after somebody agreed; undefined for the many that have none. */
  readonly held: ReadonlySet<string> | undefined;
  readonly timeoutTotalMs: number | undefined;
  readonly queueTimeoutMs: number | undefined;
  /** Of a sensor: how it polls. */
  readonly poll: PollPolicy | undefined;
  /** True where it has a timer that its author asked for, beside `timeout`. */
  readonly isTimed: boolean;
  /** Its attempts take of limits. */
  readonly isLimited: boolean;
  /** The event whose hook it is; undefined for a task of the graph. */
  readonly hook: HookName | undefined;
  /** Position of the task whose hook it is; undefined for a hook of the run. */
  readonly hookOf: number | undefined;
  /** Positions of its own hooks. */
  readonly hooks: readonly number[];
  /** Whether what its agent evaluates may be more than an offer carries: results, or outputs of several tasks. */
  readonly readsMuch: boolean;
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

/** How long a hook waits for an agent. */
export const hookWaitMs = 24 * 3_600_000;

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

function readsMuch(names: readonly string[]): boolean {
  const tasks = names.map((name) => name.split(".")).filter(([root]) => root === "tasks");
  return tasks.length > 1 || tasks.some(([, , field]) => field === undefined || field === "results");
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

const heldOf = (residency: Residency | undefined): ReadonlySet<string> | undefined =>
  residency === undefined || residency.held.size === 0 ? undefined : residency.held;

const rulesOf = (residency: Residency | undefined): DataRules | undefined =>
  residency === undefined || Object.keys(residency.rules).length === 0 ? undefined : residency.rules;

/** Names under which a file may come to a task. */
const namesValues = (name: string): boolean =>
  ["tasks", "inputs", "item", "prev", "cursor", "trigger"].includes(name.split(".")[0] ?? "");

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
  const hookOfTask = new Map<string, string>();
  for (const owner of keys.slice(0, graphSize)) {
    for (const name of taskHookNames) {
      for (const key of hookKeysOf(document, name, owner)) {
        hookOf.set(key, name);
        hookOfTask.set(key, owner);
        keys.push(key);
      }
    }
  }
  const positionOf = new Map(keys.map((key, position) => [key, position]));
  const successors: number[][] = keys.map(() => []);
  const residency = residencyOf(document);
  const keepsFiles = mayKeepFiles(document);
  const needsOf: number[][] = keys.map((key, position) => {
    const needs = (document.tasks[key]?.needs ?? []).map((need) => {
      const at = positionOf.get(need);
      if (at === undefined) throw new Error(`task ${key} needs ${need}, which the document does not have`);
      successors[at]?.push(position);
      return at;
    });
    return needs;
  });
  const hooksOf: number[][] = keys.map(() => []);
  for (const [key, owner] of hookOfTask) {
    const position = positionOf.get(key);
    if (position !== undefined) hooksOf[positionOf.get(owner) ?? -1]?.push(position);
  }
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
      takes: takesOf(task),
      dataRules: rulesOf(residency.get(key)),
      data: residency.get(key)?.classes,
      held: heldOf(residency.get(key)),
      mayReadKept:
        heldOf(residency.get(key)) !== undefined || (keepsFiles && contextNames(document, key).some(namesValues)),
      timeoutTotalMs: task.timeoutTotalMs,
      queueTimeoutMs: task.queueTimeoutMs,
      poll: pollOf(task),
      isTimed:
        task.timeoutTotalMs !== undefined ||
        task.queueTimeoutMs !== undefined ||
        task.sla !== undefined ||
        task.poll?.timeoutMs !== undefined,
      isLimited: task.limits !== undefined || task.concurrency !== undefined,
      hook: hookOf.get(key),
      readsMuch: readsMuch(contextNames(document, key)),
      mapping: mappingOf(task, positionOf),
      hookOf: positionOf.get(hookOfTask.get(key) ?? ""),
      hooks: hooksOf[position] ?? [],
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
