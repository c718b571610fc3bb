// Cancels of one session that the agent has not yet said to have seen.
import { idFromUuid, type AttemptId, type ControlBody } from "@capstan/proto";

export interface CancelOrder {
  readonly attemptId: string;
  readonly epoch: number;
  readonly reason: "cancelled" | "timeout";
  readonly graceMs: number;
}

export type WireCancel = ControlBody<"cancel">;

export class Cancels {
  private readonly open = new Map<AttemptId, WireCancel>();

  add(order: CancelOrder): WireCancel {
    const attempt = idFromUuid("att", order.attemptId);
    const cancel = { attempt, epoch: order.epoch, reason: order.reason, graceMs: order.graceMs };
    this.open.set(attempt, cancel);
    return cancel;
  }

  seen(attempt: AttemptId, epoch: number): void {
    const cancel = this.open.get(attempt);
    if (cancel !== undefined && cancel.epoch <= epoch) this.open.delete(attempt);
  }

  /** What is still to be repeated. */
  list(): WireCancel[] {
    return this.open.size === 0 ? [] : [...this.open.values()];
  }
}
