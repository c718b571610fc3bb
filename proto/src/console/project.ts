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
