// One action on many runs.
import { z } from "zod";
import { runStates } from "../state/run.ts";
import { givenTime, timeSchema } from "./route.ts";

/** Runs of one operation at most. */
export const operationRunsMax = 10_000;

export const operationActions = ["cancel", "retry", "rerun"] as const;
export type OperationAction = (typeof operationActions)[number];

const names = (max: number) => z.array(z.string().min(1).max(max)).min(1).max(50);

/** Fields are joined by and; values of a list are alternatives. At least one field is needed: nobody means all runs. */
export const runSelectionSchema = z
  .strictObject({
    state: z.array(z.enum(runStates)).min(1).max(50).optional(),
    workflow: names(64).optional(),
    /** `team:x` */
    label: names(320).optional(),
    createdAfter: givenTime().optional(),
    createdBefore: givenTime().optional(),
  })
  .refine((filter) => Object.keys(filter).length > 0, { error: "say which runs: name at least one field" });
export type RunSelection = z.infer<typeof runSelectionSchema>;

const common = {
  filter: runSelectionSchema,
  /** Counts the runs and changes nothing. */
  dryRun: z.boolean().optional(),
  /** Refused where another number of runs fits by now. */
  expectCount: z.number().int().min(0).max(operationRunsMax).optional(),
};
export const cancelManyBodySchema = z.strictObject({
  ...common,
  reason: z.string().max(2000).optional(),
  force: z.boolean().optional(),
});
export const retryManyBodySchema = z.strictObject({
  ...common,
  mode: z.enum(["failed", "all"]).optional(),
  version: z.enum(["same", "latest"]).optional(),
});
export const rerunManyBodySchema = z.strictObject({ ...common, version: z.enum(["same", "latest"]).optional() });

export const operationStartedSchema = z.object({
  count: z.number().int(),
  /** Names of the first ten runs. */
  runs: z.array(z.string()),
  /** Its id; null for a dry run and where no run fits. */
  operation: z.string().nullable(),
});
export type OperationStarted = z.infer<typeof operationStartedSchema>;

export const operationSchema = z.object({
  id: z.string(),
  action: z.enum(operationActions),
  actor: z.string(),
  createdAt: timeSchema,
  total: z.number().int(),
  done: z.number().int(),
  refused: z.number().int(),
  /** Runs that are still to be looked at. */
  open: z.number().int(),
  /** The first fifty that were refused, and why. */
  problems: z.array(z.object({ run: z.string(), code: z.string(), detail: z.string() })),
});
export type OperationView = z.infer<typeof operationSchema>;
