// The opening of a session: hello, inventory, welcome, verdicts, ready (docs/protocol.md, "The opening of a session").
//  H1. `connectNo` grows with every connection; an older hello, kept back by a proxy, undoes nothing.
//  H2. The inventory is everything not acknowledged to the end. What is not in it, the agent does not have.
import { z } from "zod";
import { atMsSchema, attemptIdSchema, attemptPairSchema, countSchema, epochSchema, textSchema } from "./attempt-ref.ts";
import { cancelReasonSchema } from "./cancel.ts";
import { resourcesSchema } from "./resources.ts";

export const labelKeyPattern = /^[a-z][a-z0-9_.-]{0,62}$/;
/** Label → value; at most 64, each value at most 128 bytes. */
export const labelsSchema = z
  .record(z.string().regex(labelKeyPattern), textSchema(128))
  .refine((labels) => Object.keys(labels).length <= 64, "at most 64 labels");

/** The fact under which agents tell the store in which they keep files that must not leave. */
export const storeLabel = "store";

/** True where a list of `allowData` names the class, or all of them by `*`. */
export const allowsData = (allowed: readonly string[] | undefined, dataClass: string): boolean =>
  allowed?.includes(dataClass) === true || allowed?.includes("*") === true;

export const inventoryItemSchema = z.object({
  attempt: attemptIdSchema,
  epoch: epochSchema,
  phase: z.enum(["taken", "running", "stopping", "finished"]),
  startedMs: atMsSchema.optional(),
  /** The highest event number made; 0 for none. */
  eventSeq: countSchema,
  /** Bytes of the canonical log stream made until now. */
  producedBytes: countSchema,
});
export type InventoryItem = z.infer<typeof inventoryItemSchema>;

export const protocolRangeSchema = z.object({ min: z.int().min(1), max: z.int().min(1) });

export const helloSchema = z.object({
  agent: textSchema(64),
  connectNo: z.int().min(1),
  version: textSchema(64),
  protocol: protocolRangeSchema,
  /** The incarnation of the database that the agent last met; 0 before its first welcome. */
  incarnation: countSchema,
  host: z.object({
    bootId: textSchema(128),
    fingerprint: textSchema(128),
    os: textSchema(64),
    arch: textSchema(64),
    kernel: textSchema(128),
    cpus: countSchema,
    memoryBytes: countSchema,
    isolation: z.array(textSchema(32)).max(16),
  }),
  process: z.object({ nonce: textSchema(64), startedMs: atMsSchema }),
  labels: z.object({ facts: labelsSchema, self: labelsSchema }),
  executors: z.array(z.object({ kind: textSchema(64), version: textSchema(64) })).max(64),
  slots: countSchema,
  free: countSchema,
  /** What the host has for attempts; absent from an agent that does not count it. */
  resources: resourcesSchema.optional(),
  /** Classes of data that the host's policy file allows; absent from an agent that keeps no data to itself. */
  allowData: z.array(textSchema(64)).max(64).optional(),
  inventory: z.array(inventoryItemSchema).max(500),
  /** True where `inventory` frames follow; the last of them says `more: false`. */
  more: z.boolean(),
});
export type Hello = z.infer<typeof helloSchema>;

/** Pages after `hello`, and the second inventory that `welcome.full` asks for. */
export const inventorySchema = z.object({ items: z.array(inventoryItemSchema).max(500), more: z.boolean() });
export type Inventory = z.infer<typeof inventorySchema>;

export const verdictSchema = z.object({
  attempt: attemptIdSchema,
  epoch: epochSchema,
  /**
   * `continue`: go on, log from `logBytes`. `abandon`: not current, kill it. `resend`: the result, or the log from
   * `logBytes`. `done`: everything has arrived. `hold`: unknown to a database that went back in time.
   */
  do: z.enum(["continue", "abandon", "resend", "done", "hold"]),
  logBytes: countSchema,
  eventSeq: countSchema,
  cancel: z.object({ reason: cancelReasonSchema, graceMs: countSchema }).optional(),
});
export type Verdict = z.infer<typeof verdictSchema>;

export const sessionConfigSchema = z.object({
  /** Unacknowledged log bytes per attempt and per connection. */
  logWindow: z.object({ attempt: countSchema, connection: countSchema }),
  /** Longest time a log segment waits while nobody watches. */
  logFlushMs: z.int().min(10),
});
export type SessionConfig = z.infer<typeof sessionConfigSchema>;

export const welcomeSchema = z.object({
  session: z.int().min(1),
  incarnation: countSchema,
  serverTimeMs: atMsSchema,
  heartbeatMs: z.int().min(100),
  pool: textSchema(128),
  labels: labelsSchema,
  config: sessionConfigSchema,
  minVersion: textSchema(64),
  full: z.boolean(),
  verdicts: z.array(verdictSchema).max(10_000),
  /** Wire id and name of the agent, as the control plane knows it. */
  agent: textSchema(64),
  name: textSchema(128),
});
export type Welcome = z.infer<typeof welcomeSchema>;

export const verdictsSchema = z.object({ items: z.array(verdictSchema).max(500) });
export type Verdicts = z.infer<typeof verdictsSchema>;

/** Sent after the trees of `abandoned` are gone. Only now come offers. */
export const readySchema = z.object({ abandoned: z.array(attemptPairSchema).max(10_000) });
export type Ready = z.infer<typeof readySchema>;
