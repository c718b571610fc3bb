// What an agent fetches over HTTP before it can run an attempt: the version's document and its code bundle.
import { z } from "zod";
import type { CanonicalWorkflow } from "../workflow/canonical.ts";
import { specDigestSchema } from "./offer.ts";

/** Answer of `GET /agent/v1/specs/{digest}`. The document was checked at deploy; agents check its digest. */
export const specAnswerSchema = z.object({
  digest: specDigestSchema,
  document: z.custom<CanonicalWorkflow>((value) => typeof value === "object" && value !== null, "must be an object"),
  /** SHA-256 of the code bundle (`GET /agent/v1/bundles/{sha256}`); absent where the version has no code. */
  bundle: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
export type SpecAnswer = z.infer<typeof specAnswerSchema>;

/** Request headers of `/agent/v1/files/{sha256}` beside `Authorization`. */
export const attemptHeader = "x-capstan-attempt";
