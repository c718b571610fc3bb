// What really ran: the outside oracle. Tasks write here when they begin and when no process of theirs can run any more;
// the product does not know it.
import type { JsonObject, OfferedAttempt } from "@capstan/proto";
import type { Host } from "./host.ts";
import type { World } from "./world.ts";

export interface Execution {
  readonly attemptId: string;
  readonly runId: string;
  readonly taskKey: string;
  /** Of a mapped task. */
  readonly index: number;
  readonly number: number;
  readonly epoch: number;
  readonly host: Host;
  readonly mayOverlap: boolean;
  readonly inputs: JsonObject;
  readonly startedMs: number;
  endedMs: number | undefined;
  /** What the program itself came to, where it was let to its end. */
  outcome: "succeeded" | "failed" | "skipped" | undefined;
  outputs: JsonObject | undefined;
}

export class Ledger {
  readonly all: Execution[] = [];
  private readonly world: World;
  private readonly byTask = new Map<string, Execution[]>();
  private readonly byAttempt = new Map<string, Execution>();
  /** Told about every start, before it counts. */
  onStart: (execution: Execution) => void = () => undefined;

  constructor(world: World) {
    this.world = world;
  }

  start(offer: OfferedAttempt, attemptId: string, runId: string, host: Host): Execution {
    const execution: Execution = {
      attemptId,
      runId,
      taskKey: offer.task,
      index: offer.index ?? 0,
      number: offer.number,
      epoch: offer.epoch,
      host,
      mayOverlap: offer.onLeaseEnd === "continue",
      inputs: offer.inputs,
      startedMs: this.world.nowMs,
      endedMs: undefined,
      outcome: undefined,
      outputs: undefined,
    };
    if (this.byAttempt.has(attemptId)) this.world.violate("I3", `attempt ${attemptId} was started twice`);
    this.onStart(execution);
    this.all.push(execution);
    this.byAttempt.set(attemptId, execution);
    const key = keyOf(execution);
    const others = this.byTask.get(key);
    if (others === undefined) this.byTask.set(key, [execution]);
    else others.push(execution);
    this.world.trace("start", host.name, offer.task, attemptId, offer.epoch);
    this.checkOverlap(key);
    return execution;
  }

  end(execution: Execution): void {
    if (execution.endedMs !== undefined) return;
    execution.endedMs = this.world.nowMs;
    this.world.trace(
      "end",
      execution.host.name,
      execution.taskKey,
      execution.attemptId,
      execution.outcome ?? "stopped",
    );
  }

  of(attemptId: string): Execution | undefined {
    return this.byAttempt.get(attemptId);
  }

  /** The host woke up: what it still runs counts again, after the time that it has for stopping. */
  woke(host: Host): void {
    this.world.after(host.wakeMs + 1, () => {
      for (const execution of this.all) {
        if (execution.host === host && execution.endedMs === undefined) {
          this.checkOverlap(keyOf(execution));
        }
      }
    });
  }

  private checkOverlap(key: string): void {
    const live = (this.byTask.get(key) ?? []).filter(
      (one) =>
        one.endedMs === undefined &&
        !one.mayOverlap &&
        !one.host.isPaused &&
        this.world.nowMs - one.host.wokeMs > one.host.wakeMs,
    );
    if (live.length > 1) {
      const who = live.map((one) => `${one.host.name} epoch ${one.epoch}`).join(" and ");
      this.world.violate("I3", `two attempts of ${key} execute at once: ${who}`);
    }
  }
}

const keyOf = ({ runId, taskKey, index }: Execution): string => `${runId} ${taskKey} ${index}`;
