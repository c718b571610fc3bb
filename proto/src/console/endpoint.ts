// Endpoints: addresses that events of a project are sent to.
import { z } from "zod";
import { pageQuery, timeSchema } from "./route.ts";

/** What is told, and when. */
export const endpointEvents = {
  "run.queued": "a run was made",
  "run.started": "a run has begun",
  "run.succeeded": "a run has succeeded",
  "run.failed": "a run has failed",
  "run.timed_out": "a run was out of time",
  "run.cancelled": "a run was cancelled",
  "run.late": "a run, or a task of it, has passed one of its marks",
  "task.failed": "a task has failed or was out of time, with no attempt left",
  "task.retrying": "a task has failed and will be tried again",
  "task.approval_requested": "a task waits for a person's answer",
  "workflow.deployed": "a workflow has another active version",
  "backfill.finished": "a backfill has come to its end",
  "agent.drained": "an agent that was drained has finished what it had",
} as const;
export type EndpointEvent = keyof typeof endpointEvents;
const types = Object.keys(endpointEvents) as [EndpointEvent, ...EndpointEvent[]]; // the keys of the table

/** `standard`: the body of Standard Webhooks. `cloudevents`: CloudEvents 1.0, structured. Both are signed alike. */
export const endpointFormats = ["standard", "cloudevents"] as const;
export type EndpointFormat = (typeof endpointFormats)[number];

const url = z.string().min(1).max(2_000);
const someTypes = z.array(z.enum(types)).min(1).max(types.length);
const someWorkflows = z.array(z.string().max(100)).min(1).max(100);
const description = z.string().max(500);

export const createEndpointBodySchema = z.strictObject({
  url,
  types: someTypes,
  /** Of these workflows alone; what is of no workflow is not told then. */
  workflows: someWorkflows.optional(),
  description: description.optional(),
  /** Default `standard`. */
  format: z.enum(endpointFormats).optional(),
});

/** What is left out stays. */
export const changeEndpointBodySchema = z.strictObject({
  url: url.optional(),
  types: someTypes.optional(),
  /** Null: of all. */
  workflows: someWorkflows.nullable().optional(),
  description: description.optional(),
  format: z.enum(endpointFormats).optional(),
  /** False: nothing is sent until it is true again. Then what waited is sent; what happened meanwhile is not told. */
  enabled: z.boolean().optional(),
});
export type ChangeEndpointBody = z.infer<typeof changeEndpointBodySchema>;

export const endpointSchema = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string(),
  types: z.array(z.enum(types)),
  workflows: z.array(z.string()).nullable(),
  format: z.enum(endpointFormats),
  state: z.enum(["active", "failing", "disabled"]),
  /** Why it is off. */
  reason: z.string().nullable(),
  createdAt: timeSchema,
  createdBy: z.string(),
});
export type EndpointView = z.infer<typeof endpointSchema>;

/** With its secret, which is shown once. */
export const endpointSecretSchema = z.object({ endpoint: endpointSchema, secret: z.string() });

const trySchema = z.object({ at: timeSchema, status: z.number().int().nullable(), error: z.string().nullable() });

export const messageSchema = z.object({
  /** `webhook-id` of every try. */
  id: z.string(),
  type: z.string(),
  subject: z.string(),
  createdAt: timeSchema,
  state: z.enum(["pending", "delivered", "failed"]),
  attempts: z.number().int(),
  /** When it is tried next; null where it is not. */
  nextAt: timeSchema.nullable(),
  tries: z.array(trySchema),
});
export type MessageView = z.infer<typeof messageSchema>;

export const messageListQuery = z.strictObject({ limit: pageQuery.limit });
