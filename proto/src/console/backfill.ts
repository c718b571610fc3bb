// Backfills as people and their tools see them.
import { z } from "zod";
import { backfillStates } from "../state/backfill.ts";
import { pageQuery, queryList, timeSchema } from "./route.ts";
import { startRunBodySchema } from "./run.ts";

/** Runs of one backfill at most. */
export const backfillRunsMax = 100_000;
/** Values that are given one by one, at most. */
export const backfillValuesMax = 5_000;
/** Runs of one backfill that go on at once, at most, and unless said. */
export const backfillParallelMax = 100;
export const backfillParallel = 4;

const valueMap = z.record(z.string(), z.json());

/** A range of time (`from`, `to` and its ticks), or values. */
export const startBackfillBodySchema = z
  .strictObject({
    workflow: z.string().max(64),
    version: startRunBodySchema.shape.version,
    /** A date of the time zone, or a time with a zone. */
    from: z.string().max(40).optional(),
    /** Does not belong to the range. */
    to: z.string().max(40).optional(),
    /** The schedule of the workflow whose ticks are meant; its only one unless said. */
    schedule: z.string().max(64).optional(),
    /** In place of a schedule's ticks: `1d`, counted from `from`. */
    every: z.string().max(20).optional(),
    /** In which dates are meant, where no schedule says it. UTC unless said. */
    timezone: z.string().max(64).optional(),
    /** Inputs of each run. */
    values: z.array(valueMap).min(1).max(backfillValuesMax).optional(),
    /** Inputs of every run, over those of the schedule and under those of its value. */
    inputs: valueMap.optional(),
    labels: startRunBodySchema.shape.labels,
    maxParallel: z.number().int().min(1).max(backfillParallelMax).optional(),
    order: z.enum(["asc", "desc"]).optional(),
    /** Makes no run for a tick of which the workflow has one, whatever became of it. */
    skipExisting: z.boolean().optional(),
    /** Counts the runs and makes none. */
    dryRun: z.boolean().optional(),
  })
  .refine((body) => (body.values === undefined) !== (body.from === undefined), {
    error: "say what it is for: from and to, or values; one of both",
  })
  .refine((body) => (body.from === undefined) === (body.to === undefined), {
    error: "from and to come together",
    path: ["to"],
  });
export type StartBackfillBody = z.infer<typeof startBackfillBodySchema>;

/** What one run of a backfill is for. */
export const backfillValueSchema = z.object({
  /** The tick; null where it is for a value. */
  at: timeSchema.nullable(),
  inputs: valueMap.nullable(),
  /** Name of the run that is retried. */
  retries: z.string().nullable(),
});
export type BackfillValueView = z.infer<typeof backfillValueSchema>;

export const backfillPlannedSchema = z.object({
  /** Its id; null for a dry run, and where there is nothing to do. */
  backfill: z.string().nullable(),
  workflow: z.string(),
  version: z.number().int(),
  count: z.number().int(),
  /** With skipExisting: ticks that have a run already, of those counted. */
  existing: z.number().int().nullable(),
  first: backfillValueSchema.nullable(),
  last: backfillValueSchema.nullable(),
});
export type BackfillPlanned = z.infer<typeof backfillPlannedSchema>;

export const backfillSchema = z.object({
  id: z.string(),
  workflow: z.string(),
  version: z.number().int(),
  state: z.enum(backfillStates),
  /** Why it does not go on at once; null where it does, or has ended. */
  reason: z.object({ code: z.string(), detail: z.string() }).nullable(),
  /** In words: `cron 0 6 * * *`, `every 1 d`, `12 values`. */
  what: z.string(),
  from: timeSchema.nullable(),
  to: timeSchema.nullable(),
  order: z.enum(["asc", "desc"]),
  maxParallel: z.number().int(),
  skipExisting: z.boolean(),
  total: z.number().int(),
  /** Values that nothing has been done for yet. */
  left: z.number().int(),
  going: z.number().int(),
  succeeded: z.number().int(),
  /** Failed, timed out, or could not be started. */
  failed: z.number().int(),
  cancelled: z.number().int(),
  skipped: z.number().int(),
  actor: z.string(),
  createdAt: timeSchema,
  endedAt: timeSchema.nullable(),
  /** The backfill whose failed runs this one retries. */
  origin: z.string().nullable(),
});
export type BackfillView = z.infer<typeof backfillSchema>;

export const backfillRunOutcomes = [
  "succeeded",
  "failed",
  "timed_out",
  "cancelled",
  /** It has a run already, or the condition of the schedule was false. */
  "skipped",
  /** No run could be made. */
  "refused",
] as const;
export type BackfillRunOutcome = (typeof backfillRunOutcomes)[number];

export const backfillRunSchema = z.object({
  value: backfillValueSchema,
  /** `asked`: about to begin; `going`; or what came of it. */
  state: z.enum(["asked", "going", ...backfillRunOutcomes]),
  run: z.string().nullable(),
  code: z.string().nullable(),
  detail: z.string().nullable(),
});
export type BackfillRunView = z.infer<typeof backfillRunSchema>;

export const backfillListQuery = z.strictObject({
  ...pageQuery,
  workflow: z.string().max(64).optional(),
  state: queryList(z.enum(backfillStates)).optional(),
});
export const backfillRunsQuery = z.strictObject({
  ...pageQuery,
  outcome: queryList(z.enum(backfillRunOutcomes)).optional(),
});
export const steerBackfillBodySchema = z.strictObject({ reason: z.string().max(500).optional() });
export const backfillSteeredSchema = z.object({
  backfill: z.string(),
  state: z.enum(backfillStates),
  already: z.boolean(),
});
export type BackfillSteered = z.infer<typeof backfillSteeredSchema>;
