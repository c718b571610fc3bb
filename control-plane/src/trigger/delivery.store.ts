// The port of deliveries to their rows: what came for a trigger, one row for each, and what became of it.
import type { DeliveryOutcome, JsonObject, ListeningKind } from "@capstan/proto";
import type { DueTimer } from "../dispatch/dispatch.store.ts";

/** A delivery that asks for a run, with what the run is made from. */
export interface FiredDelivery {
  readonly id: string;
  readonly projectId: string;
  readonly project: string;
  readonly workflowId: string;
  readonly workflow: string;
  readonly trigger: string;
  readonly kind: ListeningKind;
  readonly digest: string;
  readonly receivedMs: number;
  readonly context: JsonObject;
  /** Of a webhook: the bytes of its request. */
  readonly body: Buffer | undefined;
  /** Of the run that ended, for a `workflow` trigger. */
  readonly outputs: JsonObject | undefined;
}

export interface Refusal {
  readonly outcome: DeliveryOutcome;
  readonly detail: string;
  /** The same may come again, and is tried again then. */
  readonly mayComeAgain: boolean;
}

export interface DeliveryStore {
  /** The delivery that a timer `trigger_start` stands for. */
  load(projectId: string, deliveryId: string): Promise<FiredDelivery | undefined>;
  /** It becomes no run: its start's row goes, and the reason is kept. False where the row has gone already. */
  refuse(start: Pick<DueTimer, "projectId" | "runId">, refusal: Refusal): Promise<boolean>;
}
