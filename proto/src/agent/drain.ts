// An orderly end: drain stops offers, bye says what is given back with its trees proven gone.
import { z } from "zod";
import { atMsSchema, attemptPairSchema, countSchema, textSchema } from "./attempt-ref.ts";

export const drainSchema = z.object({
  /** `finish`: what runs may end. `stop`: as cancel, then given back. */
  mode: z.enum(["finish", "stop"]),
  deadlineMs: atMsSchema.optional(),
  reason: textSchema(512),
});
export type Drain = z.infer<typeof drainSchema>;

export const drainAckSchema = z.object({ running: countSchema });
export type DrainAck = z.infer<typeof drainAckSchema>;

export const byeSchema = z.object({
  /** True where runners live on and the agent comes back. */
  keep: z.boolean(),
  released: z.array(attemptPairSchema).max(10_000),
});
export type Bye = z.infer<typeof byeSchema>;

export const byeAckSchema = z.object({});
