// Ask and offer: an agent asks with absolute numbers, an offer means a slot (docs/protocol.md, "Work", L2, L3).
//  O1. `free` is absolute: of offers with a `seq` above `offers`, at most `free` are undecided. No prefetch.
//  O2. An offer follows the commit that made its attempts and names the last committed heartbeat, so the agent can
//      bound its age. It carries no command and no secret value: those come from the version `specDigest`.
import { z } from "zod";
import { inlineValueBytesMax } from "../size.ts";
import type { JsonObject } from "../json.ts";
import { attemptIdSchema, countSchema, epochSchema, textSchema } from "./attempt-ref.ts";
import { leftSchema, takesSchema } from "./resources.ts";

export const offerAttemptsMax = 64;

export const askSchema = z.object({
  free: countSchema,
  offers: countSchema,
  /** What is left beside slots; absent: all that the hello told. */
  resources: leftSchema.optional(),
});
export type Ask = z.infer<typeof askSchema>;

export const specDigestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** An object of JSON, taken as it is; its size is bounded by the frame and by the caller. */
export const jsonObjectSchema = z.custom<JsonObject>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "must be an object",
);

export const offeredAttemptSchema = z.object({
  /** Number of the offer within the session: 1, 2, 3 …, never used twice. */
  seq: z.int().min(1),
  attempt: attemptIdSchema,
  epoch: epochSchema,
  taskRun: textSchema(64),
  run: textSchema(64),
  /** `hello-42`, for people and for names of remote objects. */
  runName: textSchema(96),
  project: textSchema(128),
  /** Task key: a plain id or `hooks.onSuccess.0`. */
  task: textSchema(160),
  index: countSchema,
  /** Which try this is, from 1. */
  number: z.int().min(1),
  specDigest: specDigestSchema,
  /** The expression context, restricted to the names that the task's expressions use; at most 256 KiB as JSON. */
  inputs: jsonObjectSchema,
  leaseMs: z.int().min(1000),
  onLeaseEnd: z.enum(["stop", "continue"]),
  timeoutMs: z.int().min(1).optional(),
  graceMs: countSchema,
  isolation: textSchema(32),
  /** Names of the secrets that the task may read; their references are in the document. */
  secrets: z.array(textSchema(256)).max(200),
  traceparent: textSchema(64),
  /** Nothing is run: tell what the agent's store holds of this attempt, because its outputs may leave their class now. */
  release: attemptIdSchema.optional(),
  /** Absent where it takes one slot and nothing else. */
  resources: takesSchema.optional(),
});
export type OfferedAttempt = z.infer<typeof offeredAttemptSchema>;

export const offerSchema = z.object({
  /** Last heartbeat of this session whose renewal is committed; 0 is the hello. */
  heartbeat: countSchema,
  attempts: z.array(offeredAttemptSchema).min(1).max(offerAttemptsMax),
});
export type Offer = z.infer<typeof offerSchema>;

/** The offer's own fields; its attempts are checked one by one. */
export const offerRestSchema = z.object({ heartbeat: countSchema });

/** Limit of `inputs` as JSON text. */
export const offerInputsBytesMax = inlineValueBytesMax;
