// Bodies of programs that sign in: by a code that a person confirms in a browser (RFC 8628, as JSON), or as a pipeline.
import { z } from "zod";
import { timeSchema } from "./route.ts";

export const deviceStartBodySchema = z.strictObject({
  /** What asks, as its person will recognise it: `capstan 0.1.0 on laptop`. */
  client: z.string().min(1).max(128),
});
export const deviceStartedSchema = z.object({
  /** Shown by the program that asks, and to nobody else. */
  deviceCode: z.string(),
  /** Typed, or compared, by the person: `BCDF-GHJK`. */
  userCode: z.string(),
  verificationUri: z.string(),
  /** The same with the code in it. */
  verificationUriComplete: z.string(),
  expiresAt: timeSchema,
  /** How long to wait between two questions. */
  intervalMs: z.number().int(),
});
export type DeviceStarted = z.infer<typeof deviceStartedSchema>;

export const devicePageQuery = z.object({ code: z.string().max(32).optional() });

export const deviceTokenBodySchema = z.strictObject({ deviceCode: z.string().min(1).max(256) });
export const deviceTokenSchema = z.discriminatedUnion("state", [
  z.object({ state: z.literal("pending"), intervalMs: z.number().int() }),
  z.object({ state: z.literal("signed_in"), token: z.string(), user: z.string(), expiresAt: timeSchema }),
]);
export type DeviceToken = z.infer<typeof deviceTokenSchema>;

export const deviceDecisionBodySchema = z.strictObject({
  userCode: z.string().min(1).max(32),
  decision: z.enum(["approve", "deny"]),
});

/** A pipeline's token of its CI system, for one of ours (RFC 8693, as JSON). */
export const ciTokenBodySchema = z.strictObject({
  subjectToken: z.string().min(1).max(16_384),
  project: z.string().min(1).max(128),
});
export const ciTokenSchema = z.object({
  token: z.string(),
  user: z.string(),
  project: z.string(),
  scopes: z.array(z.string()),
  expiresAt: timeSchema,
});
export type CiToken = z.infer<typeof ciTokenSchema>;
