// Tokens on demand: for files (one lease) or as the task's identity (five minutes).
import { z } from "zod";
import { atMsSchema, attemptIdSchema, epochSchema, textSchema } from "./attempt-ref.ts";

export const tokenSchema = z.object({
  attempt: attemptIdSchema,
  epoch: epochSchema,
  kind: z.enum(["files", "identity"]),
  audience: textSchema(512).optional(),
});
export type Token = z.infer<typeof tokenSchema>;

export const tokenAckSchema = z.object({ token: textSchema(8192), expMs: atMsSchema });
export type TokenAck = z.infer<typeof tokenAckSchema>;
