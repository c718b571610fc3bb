// What the control plane says about the connection itself, and errors of either side.
import { z } from "zod";
import { countSchema, textSchema } from "./attempt-ref.ts";
import { labelsSchema, sessionConfigSchema } from "./hello.ts";

/** Make before break: connect anew within `reconnectInMs`, then this socket is closed. Leases are untouched. */
export const goawaySchema = z.object({ reconnectInMs: countSchema, reason: textSchema(256) });
export type Goaway = z.infer<typeof goawaySchema>;

export const configSchema = z.object({
  version: countSchema,
  heartbeatMs: z.int().min(100).optional(),
  labels: labelsSchema.optional(),
  config: sessionConfigSchema.partial().optional(),
});
export type Config = z.infer<typeof configSchema>;

export const frameErrorSchema = z.object({
  code: z.enum(["malformed", "unsupported", "protocol_error", "internal", "hello_stale"]),
  message: textSchema(2048),
  path: textSchema(512).optional(),
  retryAfterMs: countSchema.optional(),
  retryable: z.boolean().optional(),
  /** For `hello_stale`: the last connection number seen; the agent goes on from there. */
  last: countSchema.optional(),
});
export type FrameError = z.infer<typeof frameErrorSchema>;

/** Close codes of the agent socket (docs/protocol.md, "Transport and close codes"). */
export const closeCodes = {
  normal: 1000,
  goingAway: 1001,
  tooBig: 1009,
  internal: 1011,
  restart: 1012,
  tryLater: 1013,
  protocolError: 4400,
  revoked: 4401,
  suspended: 4403,
  silent: 4408,
  superseded: 4409,
  identityConflict: 4423,
  upgradeRequired: 4426,
  slowDown: 4429,
} as const;
export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes];
