// Retries as an author writes them.
import * as z from "zod";
import { failureClasses } from "../state/failure.ts";
import { durationText, fraction, whole } from "./scalar-schema.ts";

const dayMs = 86_400_000;
const causePattern = /^(?:exit:\d{1,3}|type:[A-Za-z_][A-Za-z0-9_.]*|status:[1-5]\d\d)$/;

const cause = z.string().refine((value) => Object.hasOwn(failureClasses, value) || causePattern.test(value), {
  error: ({ input }) =>
    `bad_value: ${JSON.stringify(input)} is no failure class; write error, timeout, oom, exit:75, type:ValueError or status:503`,
});

export const retryPolicy = z.strictObject({
  attempts: whole(1, 100).optional(),
  delay: durationText(0, dayMs).optional(),
  factor: fraction(1, 10).optional(),
  maxDelay: durationText(0, 7 * dayMs).optional(),
  jitter: fraction(0, 1).optional(),
  backoff: z.enum(["exponential", "fixed"]).optional(),
  causes: z.array(cause).optional(),
  except: z.array(cause).optional(),
  lost: whole(0, 100).optional(),
  onExhausted: z.enum(["fail", "pause"]).optional(),
});
export type RetrySource = z.infer<typeof retryPolicy>;
