// Cancel: repeated by the control plane until acknowledged as seen; the end itself comes as `finish`.
import { z } from "zod";
import { attemptIdSchema, countSchema, epochSchema } from "./attempt-ref.ts";

export const cancelReasonSchema = z.enum(["cancelled", "timeout"]);
export type CancelReason = z.infer<typeof cancelReasonSchema>;

export const cancelSchema = z.object({
  attempt: attemptIdSchema,
  epoch: epochSchema,
  reason: cancelReasonSchema,
  graceMs: countSchema,
});
export type Cancel = z.infer<typeof cancelSchema>;

export const cancelAckSchema = z.object({
  attempt: attemptIdSchema,
  epoch: epochSchema,
  /** Where the attempt was when the cancel was seen; `unknown`: it will never be started here. */
  phase: z.enum(["taken", "running", "stopping", "finished", "unknown"]),
});
export type CancelAck = z.infer<typeof cancelAckSchema>;
