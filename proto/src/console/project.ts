import { z } from "zod";
import { roles } from "../permissions.ts";
import { timeSchema } from "./route.ts";

export const projectSchema = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: timeSchema,
  /** Role of the caller. */
  role: z.enum(roles),
});
export type ProjectView = z.infer<typeof projectSchema>;

/** One project, with what people say about it. */
export const projectDetailSchema = projectSchema.extend({ description: z.string() });
export type ProjectDetail = z.infer<typeof projectDetailSchema>;

export const changeProjectBodySchema = z.strictObject({
  /** What it is for, in plain text; empty takes it away. */
  description: z.string().max(500).optional(),
});
export type ChangeProjectBody = z.infer<typeof changeProjectBodySchema>;
