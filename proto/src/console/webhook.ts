// Webhooks and what came for triggers, as people and their tools see it.
import { z } from "zod";
import { deliveryOutcomes, type DeliveryOutcome } from "./delivery.ts";
import { pageQuery, timeSchema } from "./route.ts";

const outcomes = Object.keys(deliveryOutcomes) as [DeliveryOutcome, ...DeliveryOutcome[]]; // the keys of the table

/** What a sender is told. */
export const receivedSchema = z.looseObject({
  deliveryId: z.string().optional(),
  runId: z.string().nullable().optional(),
  outcome: z.enum(outcomes).optional(),
  /** With `wait`, and where the run ended in that time. */
  state: z.string().optional(),
  /** What some senders want back when they try an address. */
  challenge: z.string().optional(),
});

const secretSchema = z.object({
  id: z.string(),
  createdAt: timeSchema,
  createdBy: z.string(),
  /** Null for the newest; those before it are good until then. */
  expiresAt: timeSchema.nullable(),
});

export const triggerListSchema = z.object({
  /** `WORKFLOW.TRIGGER` */
  trigger: z.string(),
  workflow: z.string(),
  kind: z.enum(["event", "workflow", "webhook"]),
  /** A type of events, or the name of a workflow; null for a webhook. */
  listensTo: z.string().nullable(),
  state: z.enum(["active", "disabled", "not_enabled", "workflow_paused"]),
  lastDeliveryAt: timeSchema.nullable(),
});
export type TriggerListView = z.infer<typeof triggerListSchema>;

export const webhookSchema = z.object({
  /** `WORKFLOW.ID` */
  webhook: z.string(),
  workflow: z.string(),
  /** Where it is sent to. One that nobody signs has its secret behind that, which is shown when it is made. */
  url: z.string(),
  verify: z.string(),
  /** Networks that it may come from; null: any. */
  ip: z.array(z.string()).nullable(),
  state: z.enum(["active", "disabled", "not_enabled", "workflow_paused", "no_secret"]),
  disabled: z.object({ actor: z.string(), reason: z.string(), at: timeSchema }).nullable(),
  secrets: z.array(secretSchema),
  lastDeliveryAt: timeSchema.nullable(),
});
export type WebhookView = z.infer<typeof webhookSchema>;

export const rotateWebhookBodySchema = z.strictObject({
  /** The sender's own, where the sender makes it; a new one of ours otherwise. */
  secret: z
    .string()
    .regex(/^[\x21-\x7e]{16,512}$/, "a secret has 16 to 512 printable characters and no blanks")
    .optional(),
  /** How long those before it stay good; a day unless said, at most 30. */
  overlapMs: z.int().min(0).max(2_592_000_000).optional(),
});

export const rotatedSchema = z.object({
  webhook: z.string(),
  url: z.string(),
  /** Shown once. */
  secret: z.string(),
  /** When those before it end; null where there were none. */
  previousUntil: timeSchema.nullable(),
});

export const testWebhookBodySchema = z.strictObject({
  body: z.json().optional(),
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]{1,100}$/), z.string().max(8_192)).optional(),
  query: z.record(z.string(), z.string()).optional(),
});

export const disableWebhookBodySchema = z.strictObject({ reason: z.string().max(500).optional() });
export const webhookSteeredSchema = z.object({
  webhook: z.string(),
  state: z.enum(["active", "disabled"]),
  already: z.boolean(),
});
export type WebhookSteered = z.infer<typeof webhookSteeredSchema>;

export const deliverySchema = z.object({
  id: z.string(),
  trigger: z.string(),
  kind: z.enum(["event", "workflow", "webhook"]),
  receivedAt: timeSchema,
  outcome: z.enum(outcomes),
  meaning: z.string(),
  detail: z.string().nullable(),
  /** Name of the run. */
  run: z.string().nullable(),
  /** How it was verified, or why it was not; null for what came from within. */
  verification: z.string().nullable(),
  bodyBytes: z.number().int().nullable(),
  replayOf: z.string().nullable(),
});
export type DeliveryView = z.infer<typeof deliverySchema>;

export const deliveryDetailSchema = deliverySchema.extend({
  /** The event, the run that ended, or what of the request was kept; credentials never are. */
  context: z.record(z.string(), z.json()),
  /** As text; null where there is none, or it is no text. */
  body: z.string().nullable(),
});
export type DeliveryDetail = z.infer<typeof deliveryDetailSchema>;

const { count: _, ...pages } = pageQuery;
export const deliveryListQuery = z.strictObject({ ...pages, outcome: z.enum(outcomes).optional() });
export const receiveQuery = z.record(z.string(), z.union([z.string(), z.array(z.string())]));
