// A run of the engine alone: no database, no agents, a clock that the test moves.
import type { CanonicalTask, CanonicalWorkflow, JsonObject } from "@capstan/proto";
import type { Again } from "../engine/again.ts";
import { advance, openDraft } from "../engine/advance.ts";
import type { CacheEnd } from "../engine/cache.ts";
import type { Draft, Surroundings } from "../engine/draft.ts";
import type { EventOutcome, FinishResult, HistoryItem, RunEvent, TimerKind } from "../engine/event.ts";
import type { HandOver } from "../engine/hand-over.ts";
import { compilePlan } from "../engine/plan.ts";
import { startRun } from "../engine/run-machine.ts";
import { taskAt, type Run, type TaskRun } from "../engine/snapshot.ts";
import { dispatch } from "../engine/task-machine.ts";

const agentId = "agent-1";

export const script = (more: Partial<CanonicalTask> = {}): CanonicalTask => ({
  action: { run: { script: "true" } },
  needs: [],
  ...more,
});

export class EngineFixture {
  run: Run;
  nowMs = 1_000_000;
  readonly history: HistoryItem[] = [];
  /** Timers that stand, by `position:kind`. */
  readonly timers = new Map<string, number>();
  /** What other runs were told. */
  readonly handOvers: HandOver[] = [];
  /** Keys of the cache that were left, and what is kept. */
  readonly cacheEnds: CacheEnd[] = [];
  private ids = 0;
  private seq = 0;

  constructor(
    workflow: Partial<CanonicalWorkflow> & Pick<CanonicalWorkflow, "tasks">,
    inputs: JsonObject = {},
    again?: Again,
  ) {
    const document: CanonicalWorkflow = { version: 1, name: "test", ...workflow };
    const draft = startRun(
      {
        projectId: "p",
        project: "default",
        workflowId: "w",
        plan: compilePlan("sha256:0", document),
        inputs,
        labels: {},
        trigger: {},
        priority: 3,
        ...(again === undefined ? {} : { again }),
      },
      this.around(),
    );
    this.run = this.settle(draft);
  }

  task(key: string): TaskRun {
    const task = taskAt(this.run, this.position(key));
    if (task === undefined) throw new Error(`${key} has no task run`);
    return task;
  }

  get states(): Readonly<Record<string, string>> {
    const states: Record<string, string> = {};
    for (const { key, position } of this.run.plan.tasks) {
      const state = this.run.tasks[position]?.state;
      if (state !== undefined) states[key] = state;
    }
    return states;
  }

  /** States of the indexes of a mapped task; `-` where none has begun. */
  indexStates(key: string): readonly string[] {
    const map = this.task(key).map;
    if (map === undefined) return [];
    return map.items.map((_, index) => taskAt(this.run, map.base + index)?.state ?? "-");
  }

  send(event: RunEvent): EventOutcome {
    const draft = openDraft(this.run, this.around());
    const outcome = advance(draft, event);
    if (draft.isChanged) this.run = this.settle(draft);
    return outcome;
  }

  /** Ends the live attempt of a task: a success with outputs, or what is given. */
  finish(key: string, result: Partial<FinishResult> = {}): EventOutcome {
    const { live } = this.task(key);
    if (live === undefined) throw new Error(`${key} has no live attempt`);
    return this.send({
      kind: "attempt_finished",
      attemptId: live.id,
      epoch: live.epoch,
      by: { agentId, session: 1 },
      result: { outcome: "succeeded", ...result },
    });
  }

  fail(key: string, more: Partial<FinishResult> = {}): EventOutcome {
    return this.finish(key, {
      outcome: "failed",
      failure: { class: "error", code: "exit", message: "exit code 1", exitCode: 1 },
      exitCode: 1,
      ...more,
    });
  }

  lose(key: string, cause: "lease_over" | "offer_lost" | "given_back" = "lease_over"): EventOutcome {
    const { live } = this.task(key);
    if (live === undefined) throw new Error(`${key} has no live attempt`);
    return this.send({ kind: "attempt_lost", attemptId: live.id, epoch: live.epoch, cause });
  }

  begin(key: string): EventOutcome {
    const { live } = this.task(key);
    if (live === undefined) throw new Error(`${key} has no live attempt`);
    return this.send({
      kind: "attempt_started",
      attemptId: live.id,
      epoch: live.epoch,
      by: { agentId, session: 1 },
      atMs: this.nowMs,
    });
  }

  /** Fires the back-off of a retrying task. */
  retry(key: string): EventOutcome {
    this.nowMs = Math.max(this.nowMs, this.task(key).dueMs ?? 0);
    return this.send({ kind: "timer", position: this.position(key), timer: "retry" });
  }

  /** Fires a timer that stands, at its time. */
  fire(timer: TimerKind, key?: string): EventOutcome {
    const position = key === undefined ? -1 : this.position(key);
    const dueMs = this.timers.get(`${position}:${timer}`);
    if (dueMs === undefined) throw new Error(`there is no timer ${timer} of ${key ?? "the run"}`);
    this.nowMs = Math.max(this.nowMs, dueMs);
    return this.send({ kind: "timer", position, timer });
  }

  /** Moves the clock to a timer and fires it. */
  deliver(key: string, timer: TimerKind, body?: JsonObject): EventOutcome {
    const position = this.position(key);
    this.nowMs = Math.max(this.nowMs, this.timers.get(`${position}:${timer}`) ?? 0);
    return this.send({ kind: "timer", position, timer, ...(body === undefined ? {} : { body }) });
  }

  cancel(force = false): EventOutcome {
    return this.send({ kind: "cancel_run", actor: "ana", reason: "enough", force });
  }

  /** Of `a`, or of an index of it: `a.3`. */
  position(key: string): number {
    const [, mapped, index] = /^(.*)\.(\d+)$/.exec(key) ?? [];
    const at = mapped === undefined ? undefined : this.run.plan.positionOf.get(mapped);
    const group = this.run.groups.find((one) => one.position === at);
    const position = group === undefined ? this.run.plan.positionOf.get(key) : group.base + Number(index);
    if (position === undefined) throw new Error(`there is no task ${key}`);
    return position;
  }

  /** As a commit would: ready work goes to the one agent, and the next snapshot counts. */
  private settle(draft: Draft): Run {
    for (const position of draft.ready) {
      if (draft.task(position)?.state !== "queued" || draft.task(position)?.reason?.code === "parked") continue;
      dispatch(draft, position, { agentId, session: 1, seq: ++this.seq });
    }
    this.history.push(...draft.history);
    this.handOvers.push(...draft.handOvers);
    this.cacheEnds.push(...draft.cacheEnds);
    for (const [key, timer] of draft.timers) {
      if (timer.dueMs === undefined) this.timers.delete(key);
      else this.timers.set(key, timer.dueMs);
    }
    return draft.snapshot();
  }

  private around(): Surroundings {
    return { nowMs: this.nowMs, newId: () => `id-${++this.ids}`, incarnation: 1, publicUrl: "http://127.0.0.1:7420" };
  }
}
