// What an agent tells of its attempts: again, until it is acknowledged. Follows `agent/src/report/reporter.ts`.
import { reportItemsMax, type ReportAck, type ReportItem } from "@capstan/proto";
import { AgentConnection } from "./agent-connection.ts";
import type { Held } from "./agent-held.ts";

const keyOf = (item: { kind: string; attempt: string; epoch: number; seq?: number | undefined }): string =>
  `${item.attempt} ${item.epoch} ${item.kind} ${item.seq ?? 0}`;

export abstract class AgentReports extends AgentConnection {
  protected unacknowledged = new Map<string, ReportItem>();
  protected queue: ReportItem[] = [];
  protected isFlushAsked = false;
  private mustTellDemand = false;

  /** Its end is acknowledged. */
  protected abstract forget(held: Held): void;

  protected report(item: ReportItem): void {
    this.unacknowledged.set(keyOf(item), item);
    this.queue.push(item);
    this.askFlush();
  }

  protected tellDemand(): void {
    this.mustTellDemand = true;
    this.askFlush();
  }

  protected resendAll(): void {
    this.queue = [...this.unacknowledged.values()];
    this.mustTellDemand = true;
    this.askFlush();
  }

  protected forgetReports(attempt: string): void {
    for (const [key, item] of this.unacknowledged) if (item.attempt === attempt) this.unacknowledged.delete(key);
    this.queue = this.queue.filter((item) => item.attempt !== attempt);
  }

  protected askFlush(): void {
    if (this.isFlushAsked) return;
    this.isFlushAsked = true;
    this.process.after(0, () => {
      this.isFlushAsked = false;
      // Without a session nothing is lost: everything goes again when one is live.
      if (this.phase !== "live" || (this.queue.length === 0 && !this.mustTellDemand)) return;
      const items = this.queue;
      this.queue = [];
      this.mustTellDemand = false;
      if (items.length === 0) this.frame("ask", this.demand());
      for (let at = 0; at < items.length; at += reportItemsMax) {
        this.frame("report", { items: items.slice(at, at + reportItemsMax), ...this.demand() });
      }
    });
  }

  protected onReportAck(ack: ReportAck): void {
    for (const result of ack.items) {
      const key = keyOf(result);
      const item = this.unacknowledged.get(key);
      if (item === undefined) continue;
      if (result.result === "expect") {
        const from = result.expectSeq ?? 1;
        for (const other of this.unacknowledged.values()) {
          if (other.kind === "event" && other.attempt === item.attempt && other.seq >= from) this.queue.push(other);
        }
        this.askFlush();
        continue;
      }
      this.unacknowledged.delete(key);
      if (item.kind !== "finish") continue;
      this.parts.onAcknowledged(item.attempt, item.epoch, result.result);
      const held = this.held.get(item.attempt);
      if (held !== undefined && held.epoch === item.epoch) this.forget(held);
    }
  }
}
