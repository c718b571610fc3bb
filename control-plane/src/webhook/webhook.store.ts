// The port of webhooks, and of the log of deliveries, to their rows.
import type { DeliveryOutcome, JsonObject, ListeningKind } from "@capstan/proto";
import type { Once, OnceKey } from "../http/once-key.ts";

/** A webhook of an active version, as its receiver needs it. */
export interface FoundHook {
  readonly projectId: string;
  readonly project: string;
  readonly workflowId: string;
  readonly workflow: string;
  readonly trigger: string;
  readonly digest: string;
  /** Canonical JSON of the trigger. */
  readonly spec: string;
  readonly isEnabled: boolean;
  readonly isDisabled: boolean;
  /** Those that are good now, the newest first. */
  readonly secrets: readonly SealedSecret[];
}

export interface SealedSecret {
  readonly id: string;
  readonly sealed: Buffer;
}

export interface NewDelivery {
  readonly id: string;
  readonly workflowId: string;
  readonly trigger: string;
  readonly kind: ListeningKind;
  readonly digest: string;
  readonly dedupe?: string | undefined;
  /** The run that it asks for; a row of `timers` stands for its start. */
  readonly runId?: string | undefined;
  readonly outcome?: DeliveryOutcome;
  readonly detail?: string | undefined;
  readonly verification: string | undefined;
  readonly context: JsonObject;
  readonly body: Buffer | undefined;
  readonly replayOf?: string;
}

export type Recorded =
  | { readonly kind: "new" }
  /** The same had come before. */
  | { readonly kind: "repeat"; readonly delivery: DeliveryRecord };

export interface TriggerRecord {
  readonly workflowId: string;
  readonly workflow: string;
  readonly trigger: string;
  readonly kind: ListeningKind;
  readonly listensTo: string | undefined;
  readonly digest: string;
  readonly spec: string;
  readonly isEnabled: boolean;
  readonly disabled: { readonly actor: string; readonly reason: string; readonly atMs: number } | undefined;
  readonly isWorkflowPaused: boolean;
  readonly lastDelivery: string | undefined;
}

export interface SecretRecord {
  readonly id: string;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly expiresAt: string | undefined;
}

export interface DeliveryRecord {
  readonly id: string;
  readonly workflowId: string;
  readonly workflow: string;
  readonly trigger: string;
  readonly kind: ListeningKind;
  readonly receivedAt: string;
  readonly outcome: DeliveryOutcome;
  readonly detail: string | undefined;
  readonly runId: string | undefined;
  /** Name of the run, where it is there. */
  readonly run: string | undefined;
  readonly verification: string | undefined;
  readonly bodyBytes: number | undefined;
  readonly replayOf: string | undefined;
}

export interface DeliveryContent extends DeliveryRecord {
  readonly context: JsonObject;
  readonly body: Buffer | undefined;
}

export interface TriggerName {
  readonly workflow: string;
  readonly trigger: string;
}

export interface WebhookStore {
  /** By the names in its address. */
  find(project: string, workflow: string, trigger: string): Promise<FoundHook | undefined>;
  /** Writes a delivery, and the row that stands for the start of its run where it asks for one, in one transaction. */
  record(projectId: string, delivery: NewDelivery): Promise<Recorded>;
  triggers(projectId: string, only?: TriggerName): Promise<readonly TriggerRecord[]>;
  secrets(projectId: string, of: TriggerName): Promise<readonly SecretRecord[]>;
  deliveries(
    projectId: string,
    of: TriggerName,
    page: {
      readonly limit: number;
      readonly before: readonly [string, string] | undefined;
      readonly outcome?: string | undefined;
    },
  ): Promise<readonly DeliveryRecord[]>;
  delivery(projectId: string, id: string): Promise<DeliveryContent | undefined>;
  /** Gives a webhook a new secret, with its audit record; those before it end after `overlapMs`. Undefined: no such webhook. */
  rotate(
    projectId: string,
    of: TriggerName,
    made: { readonly id: string; readonly sealed: Buffer; readonly overlapMs: number; readonly actor: string },
    key: OnceKey | undefined,
  ): Promise<Once<{ readonly id: string; readonly previousUntil: string | null }> | undefined>;
  /** The sealed text of a secret. */
  secret(projectId: string, id: string): Promise<Buffer | undefined>;
  /** With its audit record. Undefined where there is none; otherwise whether anything changed. */
  setDisabled(
    projectId: string,
    of: TriggerName,
    disabled: { readonly actor: string; readonly reason: string } | undefined,
    actor: string,
  ): Promise<boolean | undefined>;
}
