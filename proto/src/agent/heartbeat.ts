// The heartbeat renews every lease of the agent's session; its acknowledgement follows the commit (L1).
import { z } from "zod";
import { atMsSchema, attemptIdSchema, attemptPairSchema, countSchema, epochSchema } from "./attempt-ref.ts";
import { cancelReasonSchema } from "./cancel.ts";
import { leftSchema } from "./resources.ts";

export const heartbeatSchema = z.object({
  /** 1, 2, 3 … per session; the hello is heartbeat 0. */
  n: z.int().min(1),
  /** All attempts taken and not acknowledged to the end. */
  held: z.array(attemptPairSchema).max(10_000),
  /** Highest offer `seq` of this session decided; 0 for none. */
  offers: countSchema,
  free: countSchema,
  resources: leftSchema.optional(),
  paused: z.enum(["disk", "memory", "draining", "quarantine"]).optional(),
  loopLagMs: countSchema,
  /** Age of the main loop's last round, so that a live timer cannot hide a dead loop. */
  tickAgeMs: countSchema,
  /** Load of the processors, 0 to 1. */
  cpu: z.number().min(0),
  memFreeBytes: countSchema,
  /** Free share of the disk and of its inodes under the data folder, 0 to 1. */
  diskFree: z.number().min(0).max(1),
  inodesFree: z.number().min(0).max(1),
  spoolBytes: countSchema,
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;

export const heartbeatAckSchema = z.object({
  n: z.int().min(1),
  /** Not the agent's: kill, before any renewal is applied. */
  unknown: z.array(attemptPairSchema).max(10_000),
  /** Repeated until seen. */
  cancels: z
    .array(z.object({ attempt: attemptIdSchema, epoch: epochSchema, reason: cancelReasonSchema, graceMs: countSchema }))
    .max(10_000),
  /** Attempts whose log somebody reads now. */
  watch: z.array(attemptIdSchema).max(10_000),
  serverTimeMs: atMsSchema,
});
export type HeartbeatAck = z.infer<typeof heartbeatAckSchema>;
