// Schedules as people and their tools see them.
import { z } from "zod";
import { queryInteger, timeSchema } from "./route.ts";

/** Why a tick became no run. */
export const missReasons = {
  away: "it was more than a minute late because nothing was there to start it, and `catchup` chose otherwise",
  paused: "the schedule was paused",
  workflow_paused: "the workflow was paused",
  overlap: "an earlier run of the schedule was still going",
  replaced: "the run of a later tick took its place before it began",
  condition: "its condition was false",
  inputs_invalid: "its inputs or labels could not be made, or do not fit",
  limit_reached: "the workflow's concurrency takes no more runs",
  queue_full: "as many runs wait already as may",
  broken: "the schedule could not be read",
} as const;
export type MissReason = keyof typeof missReasons;

const pauseSchema = z.object({ actor: z.string(), reason: z.string(), at: timeSchema });

export const scheduleSchema = z.object({
  /** `WORKFLOW.TRIGGER`. */
  schedule: z.string(),
  workflow: z.string(),
  trigger: z.string(),
  /** In the words of the file: `cron 0 6 * * mon-fri`. */
  when: z.string(),
  timezone: z.string(),
  state: z.enum(["active", "paused", "workflow_paused", "disabled", "over"]),
  pause: pauseSchema.nullable(),
  /** The next tick, without jitter; null where none will come. */
  nextAt: timeSchema.nullable(),
  /** When the run of that tick starts: with jitter. */
  nextDueAt: timeSchema.nullable(),
  lastTickAt: timeSchema.nullable(),
  lastRun: z.string().nullable(),
  digest: z.string(),
});
export type ScheduleView = z.infer<typeof scheduleSchema>;

const fireSchema = z.object({
  at: timeSchema,
  /** What the clock of its zone shows. */
  local: z.string(),
  /** Clocks are changed there. */
  mark: z.enum(["after_gap", "first_of_two", "second_of_two"]).nullable(),
});

export const missSchema = z.object({
  /** The tick. */
  at: timeSchema,
  reason: z.string(),
  meaning: z.string(),
  detail: z.string().nullable(),
  recordedAt: timeSchema,
});
export type MissView = z.infer<typeof missSchema>;

export const scheduleExplanationSchema = z.object({
  schedule: z.string(),
  /** A state of schedules, or a reason. */
  code: z.string(),
  /** When it fires next, or why it does not. */
  sentence: z.string(),
  nextAt: timeSchema.nullable(),
  /** The newest tick that became a run. */
  last: z.object({ at: timeSchema, run: z.string().nullable() }).nullable(),
  /** The newest tick that became none, where that was later. */
  missed: missSchema.nullable(),
  /** The next step; null where nothing is to be done. */
  do: z.string().nullable(),
});
export type ScheduleExplanation = z.infer<typeof scheduleExplanationSchema>;

export const scheduleListQuery = z.strictObject({ workflow: z.string().max(100).optional() });
export const nextFiresQuery = z.strictObject({
  count: queryInteger(1, 1000).optional(),
  /** From which instant on; now unless said. */
  after: timeSchema.optional(),
});
export const nextFiresSchema = z.object({ schedule: z.string(), timezone: z.string(), data: z.array(fireSchema) });

export const pauseScheduleBodySchema = z.strictObject({ reason: z.string().max(500).optional() });
export const scheduleSteeredSchema = z.object({
  schedule: z.string(),
  state: z.enum(["active", "paused"]),
  already: z.boolean(),
});
export type ScheduleSteered = z.infer<typeof scheduleSteeredSchema>;
