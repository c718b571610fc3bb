// The working copy of one decision. Starts as a snapshot, takes changes, ends as the next snapshot plus what to write.
//  W1. The snapshot it started from is never changed.
//  W2. Every change of a state goes through move(), which refuses what the transition table does not have.
import {
  attemptTransitions,
  controlPlaneActions,
  isTaskRunEnded,
  runTransitions,
  taskRunTransitions,
  type AttemptState,
  type Failure,
  type HookName,
  type JsonObject,
  type RunState,
  type TaskRunState,
} from "@capstan/proto";
import type { CacheEnd } from "./cache.ts";
import type { HistoryItem, TimerKind } from "./event.ts";
import { counted, outputBytesOf, type GroupPlace, type MapState } from "./group.ts";
import type { DraftTimer, HandOver } from "./hand-over.ts";
import { PagesDraft } from "./pages.ts";
import type { PlanTask } from "./plan.ts";
import { groupAt, nameAt, planTaskAt, type LiveAttempt, type NeedCounts, type Run, type TaskRun } from "./snapshot.ts";

/** Time, ids and numbers that a decision may not make itself. */
export interface Surroundings {
  /** Database time, Unix ms. */
  readonly nowMs: number;
  readonly newId: () => string;
  /** Incarnation of the database; epochs are incarnation · 1,000,000 + k. */
  readonly incarnation: number;
  /** For links in `run.url`. */
  readonly publicUrl: string;
}

/** An attempt's row as it is to be written. */
export interface AttemptRow {
  readonly id: string;
  readonly position: number;
  readonly number: number;
  readonly epoch: number;
  readonly agentId: string;
  readonly session: number;
  readonly seq: number;
  readonly state: AttemptState;
  readonly offeredMs: number;
  readonly startedMs: number | undefined;
  readonly endedMs: number | undefined;
  readonly failure: Failure | undefined;
  readonly result: JsonObject | undefined;
  /** Not in the table yet. */
  readonly isNew: boolean;
}

export interface CancelOrder {
  readonly agentId: string;
  readonly attemptId: string;
  readonly epoch: number;
  readonly reason: "cancelled" | "timeout";
  readonly graceMs: number;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export class Draft {
  readonly before: Run | undefined;
  readonly around: Surroundings;
  readonly run: Writable<Run>;
  readonly changed = new Set<number>();
  readonly attempts = new Map<string, AttemptRow>();
  readonly history: HistoryItem[] = [];
  /** Task runs that became queued here, in order: the next to be offered. */
  readonly ready: number[] = [];
  readonly timers = new Map<string, DraftTimer>();
  /** What other runs are to be told, in the same commit. */
  readonly handOvers: HandOver[] = [];
  /** Keys of the cache that task runs which ended here asked for. */
  readonly cacheEnds: CacheEnd[] = [];
  readonly cancels: CancelOrder[] = [];
  /** Needs that ended here and whose successors have not been asked yet. */
  readonly ended: number[] = [];
  /** Mapped tasks that are ready and have no list yet. */
  readonly opening: number[] = [];
  /** Index task runs that ended here and whose groups have not looked yet, in order. */
  readonly indexesEnded: number[] = [];
  /** Groups of which an index ended or gave its place back. */
  readonly groupsTouched = new Set<number>();
  private readonly planned: number;
  private readonly indexRuns: PagesDraft<TaskRun>;
  /** Hooks that something called here, of the run (-1) or of a task; they start when the event has settled. */
  readonly called: { readonly position: number; readonly name: HookName }[] = [];
  private tasks: (TaskRun | undefined)[];
  private tasksCopied: boolean;

  constructor(start: Run, before: Run | undefined, around: Surroundings) {
    this.before = before;
    this.around = around;
    this.run = { ...start };
    this.tasks = start.tasks as (TaskRun | undefined)[]; // copied before the first change, see set()
    this.tasksCopied = false;
    this.planned = start.plan.tasks.length;
    this.indexRuns = new PagesDraft(start.indexRuns);
  }

  get isChanged(): boolean {
    return this.history.length > 0 || this.changed.size > 0 || this.timers.size > 0 || this.handOvers.length > 0;
  }

  task(position: number): TaskRun | undefined {
    return position < this.planned ? this.tasks[position] : this.indexRuns.get(position - this.planned);
  }

  /** Whether a task run has begun to run: of the graph, of a hook or of an index. */
  hasStarted(): boolean {
    return this.tasks.some((task) => task?.startedMs !== undefined);
  }

  /** Task runs that have not ended, hooks and indexes included. */
  openTasks(): readonly TaskRun[] {
    const open: TaskRun[] = [];
    for (let position = 0; position < this.nextBase; position++) {
      const task = this.task(position);
      if (task !== undefined && !isTaskRunEnded(task.state)) open.push(task);
    }
    return open;
  }

  /** The group that a position is an index of. */
  groupOf(position: number): GroupPlace | undefined {
    return position < this.planned ? undefined : groupAt(this.run, position);
  }

  /** `train`, or `train.3` for an index: what people call the task run. */
  nameOf(position: number): string {
    return nameAt(this.run, position) ?? "";
  }

  /** Where the next group's indexes begin. */
  get nextBase(): number {
    const last = this.run.groups.at(-1);
    return last === undefined ? this.planned : last.base + last.size;
  }

  /** The task of a position; of an index, that of its group. */
  planTask(position: number): PlanTask {
    const planTask = position < this.planned ? this.run.plan.tasks[position] : planTaskAt(this.run, position);
    if (planTask === undefined) throw new Error(`run ${this.run.id} has no task at position ${position}`);
    return planTask;
  }

  /** Replaces fields of a task run that are not its state. */
  set(position: number, patch: Partial<Omit<TaskRun, "state">>): TaskRun {
    return this.put(position, { ...this.existing(position), ...patch });
  }

  /** Makes a task run. */
  make(task: TaskRun): void {
    this.put(task.position, task);
    if (task.position >= this.planned) this.countIndex(task.position, undefined, task.state);
    else if (this.planTask(task.position).hook === undefined) this.run.openTasks += 1;
    else this.run.openHooks += 1;
  }

  /** Changes a task run's state, and other fields with it. */
  move(position: number, to: TaskRunState, patch: Partial<Omit<TaskRun, "state">> = {}): TaskRun {
    const task = this.existing(position);
    const allowed: readonly TaskRunState[] = taskRunTransitions[task.state];
    if (!allowed.includes(to)) {
      throw new Error(`task run ${task.id} of run ${this.run.id} cannot go from ${task.state} to ${to}`);
    }
    const moved = this.put(position, { ...task, ...patch, state: to });
    if (position >= this.planned) this.countIndex(position, task.state, to, patch.outputs);
    else if (isTaskRunEnded(to)) {
      if (this.planTask(position).hook === undefined) {
        this.run.openTasks -= 1;
        this.ended.push(position);
      } else {
        this.run.openHooks -= 1;
      }
    }
    return moved;
  }

  moveRun(to: RunState, patch: Partial<Omit<Run, "state">> = {}): void {
    const allowed: readonly RunState[] = runTransitions[this.run.state];
    if (!allowed.includes(to)) throw new Error(`run ${this.run.id} cannot go from ${this.run.state} to ${to}`);
    Object.assign(this.run, patch, { state: to });
  }

  /** Counts of the needs of a waiting task run; changes nothing that is stored. */
  countNeed(position: number, needs: NeedCounts): void {
    const task = this.existing(position);
    this.copyTasks();
    this.tasks[position] = { ...task, needs };
  }

  /** How a group's indexes stand; changes nothing that is stored. */
  count(position: number, map: MapState): void {
    const task = this.existing(position);
    this.copyTasks();
    this.tasks[position] = { ...task, map };
  }

  private countIndex(position: number, from: TaskRunState | undefined, to: TaskRunState, outputs?: JsonObject): void {
    const group = this.groupOf(position);
    const map = group === undefined ? undefined : this.task(group.position)?.map;
    if (group === undefined || map === undefined) throw new Error(`run ${this.run.id} has no group for ${position}`);
    const after = counted(map, from, to, controlPlaneActions.has(this.planTask(position).executor));
    if (from !== undefined && isTaskRunEnded(to)) this.indexesEnded.push(position);
    if (after.busy < map.busy || after.open < map.open) this.groupsTouched.add(group.position);
    const bytes = outputs === undefined ? 0 : outputBytesOf(outputs);
    this.count(group.position, bytes === 0 ? after : { ...after, outputBytes: after.outputBytes + bytes });
  }

  /** Writes the end of a live attempt, or its next state. */
  writeAttempt(live: LiveAttempt, position: number, state: AttemptState, end: Partial<AttemptRow> = {}): void {
    const earlier = this.attempts.get(live.id);
    const from: AttemptState = earlier?.state ?? live.state;
    // A report may walk several lines of the table at once: a finish stands for started, exited and finished.
    if (from !== state && !reaches(from, state)) {
      throw new Error(`attempt ${live.id} cannot go from ${from} to ${state}`);
    }
    this.attempts.set(live.id, {
      id: live.id,
      position,
      number: live.number,
      epoch: live.epoch,
      agentId: live.agentId,
      session: live.session,
      seq: live.seq,
      offeredMs: live.offeredMs,
      startedMs: live.startedMs,
      endedMs: undefined,
      failure: undefined,
      result: undefined,
      isNew: earlier?.isNew ?? false,
      ...end,
      state,
    });
  }

  /** A new attempt, offered. */
  makeAttempt(live: LiveAttempt, position: number): void {
    this.writeAttempt(live, position, "offered");
    const row = this.attempts.get(live.id);
    if (row !== undefined) this.attempts.set(live.id, { ...row, isNew: true });
  }

  setTimer(position: number, kind: TimerKind, dueMs: number, more: Pick<DraftTimer, "body" | "awaits"> = {}): void {
    this.timers.set(`${position}:${kind}`, { position, kind, dueMs, ...more });
  }

  clearTimer(position: number, kind: TimerKind): void {
    this.timers.set(`${position}:${kind}`, { position, kind, dueMs: undefined });
  }

  /** Calls the hooks of an event of a task, or of the run (-1). */
  callHooks(position: number, name: HookName): void {
    if (position < 0 || this.planTask(position).hooks.length > 0) this.called.push({ position, name });
  }

  tell(item: HistoryItem): void {
    this.history.push(item);
  }

  /** The next snapshot. `version` and `eventSeq` have moved by what this draft wrote. */
  snapshot(): Run {
    return {
      ...this.run,
      tasks: this.tasks,
      indexRuns: this.indexRuns.done(),
      version: (this.before?.version ?? 0) + 1,
      eventSeq: (this.before?.eventSeq ?? 0) + this.history.length,
    };
  }

  private existing(position: number): TaskRun {
    const task = this.task(position);
    if (task === undefined) throw new Error(`run ${this.run.id} has no task run at position ${position}`);
    return task;
  }

  private put(position: number, task: TaskRun): TaskRun {
    if (position < this.planned) {
      this.copyTasks();
      this.tasks[position] = task;
    } else {
      this.indexRuns.set(position - this.planned, task);
    }
    this.changed.add(position);
    return task;
  }

  private copyTasks(): void {
    if (this.tasksCopied) return;
    this.tasks = this.tasks.slice();
    this.tasksCopied = true;
  }
}

const reachable = new Map<AttemptState, Set<AttemptState>>();
function reaches(from: AttemptState, to: AttemptState): boolean {
  let found = reachable.get(from);
  if (found === undefined) {
    found = new Set();
    const open: AttemptState[] = [from];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const state of attemptTransitions[next]) {
        if (!found.has(state)) {
          found.add(state);
          open.push(state);
        }
      }
    }
    reachable.set(from, found);
  }
  return found.has(to);
}
