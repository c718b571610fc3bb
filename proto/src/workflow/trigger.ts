// What asks for a run by itself. The grammar is fixed; what this release does not run is in `not-supported.ts`.
import * as z from "zod";
import { durationText, jsonMap, nameText, requiredText, text, textMap, whole } from "./scalar-schema.ts";
import { webhook } from "./webhook.ts";

const second = 1000;
const yearMs = 366 * 86_400 * second;

const schedule = z.strictObject({
  cron: z.union([requiredText(200), z.array(requiredText(200)).min(1)]).optional(),
  every: durationText(10 * second, yearMs).optional(),
  dates: z.array(requiredText(40)).optional(),
  businessDay: z.int().optional(),
  at: text(5).optional(),
  timezone: text(100).optional(),
  calendar: nameText.optional(),
  onHoliday: z.enum(["skip", "next", "previous", "run"]).optional(),
  onGap: z.enum(["next", "skip"]).optional(),
  onOverlap: z.enum(["first", "second", "both"]).optional(),
  catchup: z.enum(["last", "all", "skip"]).optional(),
  catchupMax: whole(1, 10_000).optional(),
  catchupWindow: durationText(second, yearMs).optional(),
  overlap: z.enum(["allow", "queue", "skip", "cancelRunning"]).optional(),
  jitter: durationText(0, 3_600 * second).optional(),
  from: text(40).optional(),
  to: text(40).optional(),
});

export const trigger = z.strictObject({
  id: nameText.optional(),
  schedule: schedule.optional(),
  webhook: webhook.optional(),
  event: z.strictObject({ type: requiredText(200), debounce: durationText(0, yearMs).optional() }).optional(),
  workflow: z
    .strictObject({
      name: nameText,
      outcome: z
        .array(z.enum(["succeeded", "failed", "cancelled", "timed_out"]))
        .min(1)
        .optional(),
    })
    .optional(),
  asset: z.strictObject({ all: z.array(text(2000)).optional(), any: z.array(text(2000)).optional() }).optional(),
  inputs: jsonMap.optional(),
  if: requiredText(4200).optional(),
  labels: textMap.optional(),
  enabled: z.boolean().optional(),
});
