import { z } from "zod";
import { labelKeyPattern } from "../agent/hello.ts";
import { labelMapSchema, pageQuery, queryList, timeSchema } from "./route.ts";

export const agentStates = ["pending", "active", "draining", "drained", "suspended", "revoked"] as const;
/** `silent`: connected not long ago, its attempts may still run. */
export const agentConnections = ["online", "silent", "offline"] as const;

export const agentSchema = z.object({
  id: z.string(),
  name: z.string(),
  pool: z.string(),
  state: z.enum(agentStates),
  connection: z.enum(agentConnections),
  /** All labels; later sources never override earlier ones: pinned, fact, self. */
  labels: labelMapSchema,
  labelSources: z.record(z.string(), z.enum(["pinned", "fact", "self"])),
  executors: z.array(z.string()),
  version: z.string(),
  slots: z.number().int(),
  slotsUsed: z.number().int(),
  createdAt: timeSchema,
  seenAt: timeSchema.nullable(),
});
export type AgentView = z.infer<typeof agentSchema>;

export const agentDetailSchema = agentSchema.extend({
  session: z.number().int().nullable(),
  fingerprint: z.string().nullable(),
  /** What it may be executing now. */
  attempts: z.array(
    z.object({
      id: z.string(),
      run: z.string(),
      task: z.string(),
      state: z.string(),
      startedAt: timeSchema.nullable(),
    }),
  ),
});
export type AgentDetail = z.infer<typeof agentDetailSchema>;

export const agentListQuery = z.strictObject({
  ...pageQuery,
  pool: queryList(z.string().max(64)).optional(),
  state: queryList(z.enum(agentStates)).optional(),
});

/** What is pinned on an agent: null takes a label away, what is not named stays. */
export const relabelBodySchema = z
  .strictObject({ labels: z.record(z.string().regex(labelKeyPattern), z.string().max(128).nullable()) })
  .refine(({ labels }) => Object.keys(labels).length <= 64, { error: "at most 64 labels" });
export type RelabelBody = z.infer<typeof relabelBodySchema>;

export const revokeBodySchema = z.strictObject({ reason: z.string().max(2000).optional() });
export const drainBodySchema = z.strictObject({ reason: z.string().max(2000).optional() });

export const poolSchema = z.object({
  id: z.string(),
  name: z.string(),
  pausedAt: timeSchema.nullable(),
  createdAt: timeSchema,
  agents: z.number().int(),
  agentsOnline: z.number().int(),
  slots: z.number().int(),
  slotsFree: z.number().int(),
  /** Task runs that wait for it. */
  queued: z.number().int(),
});
export type PoolView = z.infer<typeof poolSchema>;

export const joinTokenBodySchema = z.strictObject({
  /** How many agents it may enrol. Default 1. */
  uses: z.number().int().min(1).max(10_000).optional(),
  /** Default 15 minutes; at most 24 hours. */
  expiresInMs: z.number().int().min(60_000).max(86_400_000).optional(),
  /** Pinned on every agent that it enrols. */
  labels: labelMapSchema.optional(),
  /** Only from these addresses: `10.0.0.0/8`. */
  cidr: z.string().max(64).optional(),
  /** The agent waits for a person's approval. */
  approve: z.boolean().optional(),
});
export type JoinTokenBody = z.infer<typeof joinTokenBodySchema>;

export const joinTokenSchema = z.object({
  id: z.string(),
  pool: z.string(),
  uses: z.number().int(),
  usesMax: z.number().int(),
  labels: labelMapSchema,
  approve: z.boolean(),
  expiresAt: timeSchema,
  createdBy: z.string(),
  createdAt: timeSchema,
});
export type JoinTokenView = z.infer<typeof joinTokenSchema>;
/** The token itself is in the answer that made it and nowhere else. */
export const joinTokenMadeSchema = joinTokenSchema.extend({ token: z.string() });
export type JoinTokenMade = z.infer<typeof joinTokenMadeSchema>;

/** Queued task runs of one pool for one reason. */
export const queueGroupSchema = z.object({
  pool: z.string(),
  reason: z.string(),
  count: z.number().int(),
  oldestQueuedAt: timeSchema,
  /** The first few, oldest first. */
  tasks: z.array(z.object({ run: z.string(), task: z.string(), queuedAt: timeSchema })),
});
export const queueSchema = z.object({ data: z.array(queueGroupSchema), total: z.number().int() });
export type QueueView = z.infer<typeof queueSchema>;
