// After a suspicious clock the agent asks which attempts are still its own (docs/protocol.md, "A suspicious pause"): it
// renews, and judges each.
import { z } from "zod";
import { attemptPairSchema, countSchema } from "./attempt-ref.ts";

export const confirmSchema = z.object({ n: countSchema, attempts: z.array(attemptPairSchema).max(10_000) });
export type Confirm = z.infer<typeof confirmSchema>;

export const confirmAckSchema = z.object({
  n: countSchema,
  current: z.array(attemptPairSchema).max(10_000),
  unknown: z.array(attemptPairSchema).max(10_000),
});
export type ConfirmAck = z.infer<typeof confirmAckSchema>;
