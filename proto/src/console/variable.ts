// Variables of a project as people and their tools see them: plain values, never secrets.
import { z } from "zod";
import { timeSchema } from "./route.ts";

export const variableBytesMax = 65_536;

export const variableSchema = z.object({
  name: z.string(),
  value: z.string(),
  updatedAt: timeSchema,
  updatedBy: z.string(),
});
export type VariableView = z.infer<typeof variableSchema>;

export const setVariableBodySchema = z.strictObject({
  value: z
    .string()
    .refine((value) => new TextEncoder().encode(value).length <= variableBytesMax, { error: "at most 64 KiB" })
    .refine((value) => !value.includes("\0"), { error: "a text cannot hold NUL" }),
});
