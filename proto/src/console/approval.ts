import { z } from "zod";
import { timeSchema } from "./route.ts";

/** Declarations of a form as the workflow has them in its long form. */
const formSchema = z.record(z.string(), z.looseObject({ type: z.string() }));

/** An approval that waits. */
export const approvalSchema = z.object({
  run: z.string(),
  task: z.string(),
  title: z.string(),
  message: z.string(),
  from: z.array(z.string()),
  need: z.number().int(),
  /** Who has approved so far. */
  approvedBy: z.array(z.string()),
  form: formSchema,
  requestedAt: timeSchema,
  expiresAt: timeSchema.nullable(),
  /** Whether who asks may answer it. */
  mine: z.boolean(),
});
export type ApprovalView = z.infer<typeof approvalSchema>;

export const approveBodySchema = z.strictObject({
  form: z.record(z.string(), z.json()).optional(),
  comment: z.string().max(2000).optional(),
});
export const rejectBodySchema = z.strictObject({ comment: z.string().max(2000).optional() });

export const decidedSchema = z.object({
  run: z.string(),
  task: z.string(),
  /** State of the task run after the answer; still `suspended` where more people are needed. */
  state: z.string(),
  /** The same person had given the same answer. */
  already: z.boolean(),
});
export type Decided = z.infer<typeof decidedSchema>;
