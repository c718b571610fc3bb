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
} as const;
export type EndpointEvent = keyof typeof endpointEvents;
const types = Object.keys(endpointEvents) as [EndpointEvent, ...EndpointEvent[]]; // the keys of the table

export const createEndpointBodySchema = z.strictObject({
  url: z.string().min(1).max(2_000),
  types: z.array(z.enum(types)).min(1).max(types.length),
  /** Of these workflows alone. */
  workflows: z.array(z.string().max(100)).min(1).max(100).optional(),
  description: z.string().max(500).optional(),
});

export const endpointSchema = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string(),
  types: z.array(z.enum(types)),
  workflows: z.array(z.string()).nullable(),
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
