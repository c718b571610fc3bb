// Limits of a project as people and their tools see them.
import { z } from "zod";
import { timeSchema } from "./route.ts";

/** Most that a limit may give at once, and most starts in the window of a rate. */
export const limitCapacityMax = 100_000;
export const rateCountMax = 10_000;
const second = 1000;
const dayMs = 86_400 * second;

export const limitSchema = z.object({
  name: z.string(),
  /** What may be held at once, or the starts within `perMs`. */
  capacity: z.number().int(),
  /** Only of a rate: its window, ms. */
  perMs: z.number().int().nullable(),
  used: z.number().int(),
  createdAt: timeSchema,
  updatedAt: timeSchema,
});
export type LimitView = z.infer<typeof limitSchema>;

export const limitDetailSchema = limitSchema.extend({
  /** The first 50, oldest first. */
  holders: z.array(
    z.object({
      run: z.string(),
      task: z.string(),
      attempt: z.string(),
      weight: z.number().int(),
      since: timeSchema,
      /** Only of a rate: when it counts no more. */
      until: timeSchema.nullable(),
      /** The agent is not heard; it holds the limit until its lease ends. */
      silent: z.boolean(),
    }),
  ),
  /** Task runs that are queued with this limit. */
  waiting: z.number().int(),
});
export type LimitDetail = z.infer<typeof limitDetailSchema>;

export const setLimitBodySchema = z
  .strictObject({
    capacity: z.number().int().min(0).max(limitCapacityMax),
    perMs: z.number().int().min(second).max(dayMs).optional(),
  })
  .refine((body) => body.perMs === undefined || body.capacity <= rateCountMax, {
    error: `a rate allows at most ${rateCountMax} starts in its window`,
  });
export type SetLimitBody = z.infer<typeof setLimitBodySchema>;
