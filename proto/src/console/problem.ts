// Errors on the wire: RFC 9457, `application/problem+json`. Clients branch on `code`.
import { z } from "zod";

export const problemItemSchema = z.object({
  code: z.string(),
  detail: z.string(),
  /** JSON pointer into the body or the document. */
  pointer: z.string().optional(),
  file: z.string().optional(),
  /** From 1. */
  line: z.number().int().optional(),
  column: z.number().int().optional(),
  hint: z.string().optional(),
  severity: z.enum(["error", "warning"]).optional(),
});

export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  instance: z.string(),
  code: z.string(),
  retryable: z.boolean(),
  requestId: z.string(),
  /** What the reader can do about it. */
  do: z.string().optional(),
  errors: z.array(problemItemSchema).optional(),
  evidence: z.record(z.string(), z.json()).optional(),
});
export type ProblemDocument = z.infer<typeof problemSchema>;

export const problemMediaType = "application/problem+json";
export const problemType = (code: string): string => `urn:capstan:error:${code}`;
