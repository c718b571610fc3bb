// Reports: what happened to attempts, one frame per turn of the agent's loop.
//  R1. Idempotent by (attempt, epoch, kind, seq): the first effect stands and is answered again.
//  R2. `finish` means: no process of the attempt can run user code any more. It is resent until acknowledged.
//  R3. In the array only a bad item is refused; the others count.
import { z } from "zod";
import { eventBytesMax, messageBytesMax } from "../size.ts";
import { failureClasses, type FailureClass } from "../state/failure.ts";
import { atMsSchema, attemptIdSchema, countSchema, epochSchema, textSchema } from "./attempt-ref.ts";
import { jsonObjectSchema } from "./offer.ts";
import { leftSchema } from "./resources.ts";

export const reportItemsMax = 256;

export const rejectReasons = [
  "offer_stale",
  "no_slot",
  "agent_stopping",
  "disk_full",
  "spool_full",
  "policy_denied",
  "signature_invalid",
  "isolation_unavailable",
  "data_rule_blocks",
  "unsupported",
  "secret_missing",
  "spec_invalid",
] as const;
export type RejectReason = (typeof rejectReasons)[number];
/** Reasons that count against no round of dispatch. The others do, and `spec_invalid` ends the task run. */
export const uncountedRejectReasons: readonly RejectReason[] = [
  "offer_stale",
  "no_slot",
  "agent_stopping",
  "disk_full",
  "spool_full",
];

const fence = { attempt: attemptIdSchema, epoch: epochSchema };

export const rejectItemSchema = z.object({
  kind: z.literal("reject"),
  ...fence,
  reason: z.enum(rejectReasons),
  detail: textSchema(2048),
  /** True where another agent may do better. */
  elsewhere: z.boolean(),
});
export type RejectItem = z.infer<typeof rejectItemSchema>;

export const startedItemSchema = z.object({ kind: z.literal("started"), ...fence, atMs: atMsSchema });
export type StartedItem = z.infer<typeof startedItemSchema>;

/** `preparing exited cleanup warning` are the agent's, the others the task's (`CAPSTAN_EVENTS`). */
export const attemptEventTypes = [
  "preparing",
  "exited",
  "cleanup",
  "warning",
  "progress",
  "metric",
  "asset",
  "note",
  "link",
] as const;
export type AttemptEventType = (typeof attemptEventTypes)[number];

export const eventItemSchema = z.object({
  kind: z.literal("event"),
  ...fence,
  /** 1, 2, 3 … per attempt, at most 10,000. A gap is answered with `expect`. */
  seq: z.int().min(1).max(10_000),
  atMs: atMsSchema,
  type: z.enum(attemptEventTypes),
  body: jsonObjectSchema.refine((body) => JSON.stringify(body).length <= eventBytesMax, "body is too large"),
});
export type EventItem = z.infer<typeof eventItemSchema>;

// Object.keys loses the literal type; the table above is the only source of these names.
const failureClassNames = Object.keys(failureClasses) as [FailureClass, ...FailureClass[]];

export const failureSchema = z.object({
  class: z.enum(failureClassNames),
  /** A code of the catalogue, or `exit`, `exception`, `signal` … */
  code: textSchema(64),
  message: textSchema(messageBytesMax),
  exitCode: z.int().optional(),
  signal: textSchema(16).optional(),
  type: textSchema(256).optional(),
  file: textSchema(1024).optional(),
  line: z.int().min(0).optional(),
});

export const finishOutcomes = ["succeeded", "failed", "timed_out", "cancelled", "lost"] as const;
export type FinishOutcome = (typeof finishOutcomes)[number];
export const lostCauses = ["lease_over", "runner_lost", "given_back"] as const;

export const finishItemSchema = z.object({
  kind: z.literal("finish"),
  ...fence,
  outcome: z.enum(finishOutcomes),
  /** For `lost`: why. */
  cause: z.enum(lostCauses).optional(),
  /** For `lost`: false only where the agent knows that user code never began. */
  mayHaveStarted: z.boolean().optional(),
  /** Why, where the outcome is neither a success nor `lost`. */
  failure: failureSchema.optional(),
  /** The task said: skip me (exit 77). */
  skip: z.boolean().optional(),
  notYet: z.boolean().optional(),
  exitCode: z.int().optional(),
  signal: textSchema(16).optional(),
  /** At most 256 KiB as JSON; a file is `{ "$file": { name, size, sha256, mediaType } }`. */
  outputs: jsonObjectSchema.optional(),
  /** Outputs that the agent holds until somebody agrees that they leave their class, and the store that has them. */
  held: z
    .object({
      store: textSchema(64),
      outputs: z.array(z.object({ name: textSchema(64), bytes: countSchema, sha256: textSchema(64) })).max(100),
    })
    .optional(),
  summary: z
    .string()
    .max(256 * 1024)
    .optional(),
  retryable: z.boolean().optional(),
  retryAfterMs: countSchema.optional(),
  startedMs: atMsSchema.optional(),
  endedMs: atMsSchema.optional(),
  usage: z.object({ cpuMs: countSchema, maxRssBytes: countSchema, oomKills: countSchema }).optional(),
  /** Length and digest of the canonical stream, gaps left out of the digest. Absent where nothing was written. */
  log: z
    .object({
      bytes: countSchema,
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      gaps: countSchema,
      /** The store of the agent that keeps it, where none of it is ever sent. */
      store: textSchema(64).optional(),
    })
    .optional(),
});
export type FinishItem = z.infer<typeof finishItemSchema>;

export const reportItemSchema = z.discriminatedUnion("kind", [
  rejectItemSchema,
  startedItemSchema,
  eventItemSchema,
  finishItemSchema,
]);
export type ReportItem = z.infer<typeof reportItemSchema>;

export const reportSchema = z.object({
  items: z.array(reportItemSchema).max(reportItemsMax),
  free: countSchema,
  offers: countSchema,
  resources: leftSchema.optional(),
});
export type Report = z.infer<typeof reportSchema>;

export const reportResultSchema = z.object({
  attempt: attemptIdSchema,
  epoch: epochSchema,
  kind: z.enum(["reject", "started", "event", "finish"]),
  seq: z.int().min(1).optional(),
  /** `expect`: events from `expectSeq` on are wanted. `invalid`: refused for good, do not resend. */
  result: z.enum(["accepted", "duplicate", "lease_lost", "expect", "invalid"]),
  expectSeq: z.int().min(1).optional(),
});
export type ReportResult = z.infer<typeof reportResultSchema>;

export const reportAckSchema = z.object({ items: z.array(reportResultSchema).max(reportItemsMax) });
export type ReportAck = z.infer<typeof reportAckSchema>;
