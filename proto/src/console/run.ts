import { z } from "zod";
import { attemptStates } from "../state/attempt.ts";
import { runStates } from "../state/run.ts";
import { taskRunStates } from "../state/task-run.ts";
import { overridesMax } from "../workflow/override.ts";
import {
  givenTime,
  int32Max,
  labelMapSchema,
  pageQuery,
  queryFlag,
  queryInteger,
  queryList,
  timeSchema,
} from "./route.ts";

export const failureViewSchema = z.object({
  class: z.string(),
  code: z.string(),
  message: z.string(),
  exitCode: z.number().int().optional(),
  signal: z.string().optional(),
  type: z.string().optional(),
  file: z.string().optional(),
  line: z.number().int().optional(),
  /** The task that the failure of a run comes from. */
  task: z.string().optional(),
  /** Where that task is mapped: its first failed index. */
  index: z.number().int().optional(),
});

/** What asked for a run. */
export const triggerSchema = z.looseObject({ kind: z.string(), actor: z.string().optional() });

/** A run as lists show it. */
export const runSummarySchema = z.object({
  id: z.string(),
  /** `hello-1` */
  name: z.string(),
  workflow: z.string(),
  number: z.number().int(),
  digest: z.string(),
  state: z.enum(runStates),
  trigger: triggerSchema,
  labels: labelMapSchema,
  priority: z.number().int(),
  createdAt: timeSchema,
  startedAt: timeSchema.nullable(),
  endedAt: timeSchema.nullable(),
  failure: failureViewSchema.nullable(),
});
export type RunSummary = z.infer<typeof runSummarySchema>;

export const runSchema = runSummarySchema.extend({
  /** Number of the workflow version. */
  version: z.number().int(),
  /** What this run changed in that version, by JSON pointer, and the version's digest; `digest` is that of the changed one. */
  overrides: z.object({ from: z.string(), set: z.record(z.string(), z.json()) }).nullable(),
  deadlineAt: timeSchema.nullable(),
  inputs: z.record(z.string(), z.json()),
  outputs: z.record(z.string(), z.json()).nullable(),
  cancel: z.looseObject({ actor: z.string().optional(), reason: z.string().optional() }).nullable(),
  /** Of a retry: one higher than that of the run it repeats. */
  attempt: z.number().int(),
  /** The run that it repeats: `retry` re-uses what succeeded, `rerun` took only the inputs. */
  origin: z
    .object({
      kind: z.enum(["retry", "rerun"]),
      run: z.string(),
      name: z.string(),
      actor: z.string(),
      mode: z.enum(["failed", "from", "all"]).optional(),
    })
    .nullable(),
  /** Marks of `sla` that it passed: startWithin, maxDuration, finishBy. */
  late: z.array(z.string()),
  /** By whom, why and since when it is paused; null where it is not. */
  pause: z.object({ actor: z.string(), reason: z.string(), at: timeSchema }).nullable(),
  /** Task runs by state, hooks included. */
  taskCounts: z.partialRecord(z.enum(taskRunStates), z.number().int()),
});
export type RunView = z.infer<typeof runSchema>;

export const agentRefSchema = z.object({ id: z.string(), name: z.string() });

export const reasonSchema = z.looseObject({ code: z.string(), since: timeSchema.optional() });

/** How the indexes of a mapped task stand. */
export const mappedSchema = z.object({
  total: z.number().int(),
  /** Not begun, and not cancelled either. */
  waiting: z.number().int(),
  /** Begun and not ended. */
  running: z.number().int(),
  succeeded: z.number().int(),
  failed: z.number().int(),
  skipped: z.number().int(),
  cancelled: z.number().int(),
});
export type MappedView = z.infer<typeof mappedSchema>;

export const taskRunSchema = z.object({
  id: z.string(),
  /** `extract`, `train.3` for an index of a mapped task, or `hooks.onSuccess.0` for a hook. */
  task: z.string(),
  /** Index where the task is mapped; otherwise 0. */
  index: z.number().int(),
  position: z.number().int(),
  hook: z.boolean(),
  title: z.string().nullable(),
  /** `run`, `python`, `node`, `http`, `notify`. */
  action: z.string(),
  needs: z.array(z.string()),
  state: z.enum(taskRunStates),
  /** Attempts made so far; of a mapped task those of all its indexes. */
  attempts: z.number().int(),
  epoch: z.number().int(),
  agent: agentRefSchema.nullable(),
  createdAt: timeSchema,
  queuedAt: timeSchema.nullable(),
  startedAt: timeSchema.nullable(),
  endedAt: timeSchema.nullable(),
  /** When the next attempt starts, or the time of waiting ends. */
  dueAt: timeSchema.nullable(),
  outputs: z.record(z.string(), z.json()).nullable(),
  failure: failureViewSchema.nullable(),
  reason: reasonSchema.nullable(),
  /** For a mapped task whose list is known. */
  mapped: mappedSchema.nullable(),
  /** For an index task run: the item that it is for. */
  item: z.json().optional(),
  /** Marks of `sla` that it passed. */
  late: z.array(z.string()),
  /** The run in which it was executed, where this one re-uses it. */
  reused: z.object({ run: z.string(), name: z.string() }).nullable(),
  /** The run whose equal task gave its outputs: no attempt was made. */
  cached: z.object({ run: z.string(), name: z.string() }).nullable(),
  /** By whom and why it was ended by hand. */
  marked: z.object({ actor: z.string(), reason: z.string() }).nullable(),
});
export type TaskRunView = z.infer<typeof taskRunSchema>;

export const attemptSchema = z.object({
  id: z.string(),
  task: z.string(),
  number: z.number().int(),
  epoch: z.number().int(),
  state: z.enum(attemptStates),
  agent: agentRefSchema,
  offeredAt: timeSchema,
  startedAt: timeSchema.nullable(),
  endedAt: timeSchema.nullable(),
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  /** Markdown that the task wrote for people; untrusted. */
  summary: z.string().nullable(),
  failure: failureViewSchema.nullable(),
  log: z
    .object({
      bytes: z.number().int(),
      lines: z.number().int(),
      /** `kept`: by its agent, and nowhere else. */
      state: z.enum(["open", "complete", "incomplete", "kept"]),
    })
    .nullable(),
});
export type AttemptView = z.infer<typeof attemptSchema>;

/** One item of a run's history; `seq` is gap-free within the run. */
export const runEventSchema = z.object({
  seq: z.number().int(),
  at: timeSchema,
  type: z.string(),
  task: z.string().optional(),
  from: z.string().optional(),
  to: z.string().optional(),
  attempt: z.string().optional(),
  epoch: z.number().int().optional(),
  agent: z.string().optional(),
  actor: z.string().optional(),
  reason: z.string().optional(),
  detail: z.json().optional(),
});
export type RunEventView = z.infer<typeof runEventSchema>;

export const startRunBodySchema = z.strictObject({
  inputs: z.record(z.string(), z.json()).optional(),
  labels: z.record(z.string().regex(/^[a-z][a-z0-9_.-]{0,62}$/), z.string().max(255)).optional(),
  /** Number or digest of a version; the active one unless said. */
  version: z.union([z.number().int().min(1).max(int32Max), z.string().regex(/^sha256:[0-9a-f]{64}$/)]).optional(),
  /** By JSON pointer, what this run changes in its version, of what that lists as `overridable`; null takes a key away. */
  overrides: z
    .record(z.string().max(1000), z.json())
    .refine((given) => Object.keys(given).length <= overridesMax, { error: `at most ${overridesMax} places` })
    .optional(),
  /** While a run of the workflow that was started by this key has not ended, the answer is that run (200). */
  dedupeKey: z.string().min(1).max(255).optional(),
});
export type StartRunBody = z.infer<typeof startRunBodySchema>;

/** Runs that one request starts together, in one commit. */
export const batchRunsMax = 100;

export const startBatchBodySchema = z.strictObject({
  runs: z
    .array(startRunBodySchema.pick({ inputs: true, labels: true }))
    .min(1)
    .max(batchRunsMax),
  version: startRunBodySchema.shape.version,
});

/** Of each run what tells it apart; the run's own route has the rest. */
export const startedRunSchema = z.object({ id: z.string(), name: z.string(), state: z.enum(runStates) });
export const startBatchResponseSchema = z.object({ data: z.array(startedRunSchema) });
export type StartedRun = z.infer<typeof startedRunSchema>;

export const startRunQuery = z.strictObject({
  /** Answer when the run has ended, at most this long: `30s`, up to 55 s. */
  wait: z.string().max(16).optional(),
});

export const runListQuery = z.strictObject({
  ...pageQuery,
  state: queryList(z.enum(runStates)).optional(),
  workflow: queryList(z.string().max(64)).optional(),
  /** `team:x`; repeated labels are alternatives. */
  label: queryList(z.string().max(320)).optional(),
  createdAfter: givenTime().optional(),
  createdBefore: givenTime().optional(),
  /** `day:2026-05-01`: an input and its value as text; repeated ones are alternatives. */
  input: queryList(z.string().max(320)).optional(),
  /** Words that all occur in the failure: its message, code, class or task. */
  error: z.string().min(1).max(200).optional(),
  /** What asked for it: `manual`, `api`, `schedule`, `backfill`, `workflow` … */
  trigger: queryList(z.string().max(64)).optional(),
  /** Name or id of an agent that worked for it. */
  agent: queryList(z.string().max(128)).optional(),
  /** From its beginning to its end; runs that go on have none. */
  durationMsMin: queryInteger(0, int32Max).optional(),
  durationMsMax: queryInteger(0, int32Max).optional(),
  /** Id of the backfill that it belongs to. */
  backfill: z.string().max(64).optional(),
  /** Part of a workflow's name, or a run's name. */
  q: z.string().max(200).optional(),
  sort: z.enum(["-createdAt", "createdAt"]).optional(),
});

export const eventListQuery = z.strictObject({
  afterSeq: queryInteger(0, int32Max).optional(),
  limit: queryInteger(1, 2000).optional(),
});
export const eventListSchema = z.object({
  data: z.array(runEventSchema),
  /** Give it as `afterSeq` to read on. */
  lastSeq: z.number().int(),
  more: z.boolean(),
});
export type EventList = z.infer<typeof eventListSchema>;

export const taskListQuery = z.strictObject({
  ...pageQuery,
  /** A mapped task: its index task runs in place of the run's tasks, in pages. Those that have not begun are not there. */
  of: z.string().max(64).optional(),
  state: queryList(z.enum(taskRunStates)).optional(),
  hooks: queryFlag().optional(),
});

export const cancelBodySchema = z.strictObject({
  reason: z.string().max(2000).optional(),
  /** Ends cleanup tasks too. */
  force: z.boolean().optional(),
  /** TERM to KILL for this cancel. */
  graceMs: z.number().int().min(0).max(3_600_000).optional(),
});
export const cancelTaskBodySchema = z.strictObject({ reason: z.string().max(2000).optional() });
export const skipWaitBodySchema = z.strictObject({ reason: z.string().max(2000).optional() });
/** Repeats are harmless: `already` says that it was cancelling or had ended so. */
export const cancelledSchema = z.object({ run: z.string(), state: z.string(), already: z.boolean() });
export type Cancelled = z.infer<typeof cancelledSchema>;

export const pauseBodySchema = z.strictObject({ reason: z.string().max(2000).optional() });
/** What a person did to a run or a task run, and its state after it. Repeats are harmless: `already` says so. */
export const steeredSchema = z.object({ run: z.string(), state: z.string(), already: z.boolean() });
export type Steered = z.infer<typeof steeredSchema>;

const versionChoice = z.enum(["same", "latest"]);
const markFields = {
  state: z.enum(["succeeded", "failed", "skipped"]),
  reason: z.string().min(1).max(2000),
  /** For `succeeded`: what the task would have given. Those that it declares are needed. */
  outputs: z.record(z.string(), z.json()).optional(),
};

export const markBodySchema = z.strictObject(markFields);
export type MarkBody = z.infer<typeof markBodySchema>;

export const retryBodySchema = z.strictObject({
  /** `failed` unless said: what did not succeed and all after it. `from`: a task and all after it. `all`: everything. */
  mode: z.enum(["failed", "from", "all"]).optional(),
  /** The task to begin with, for `from`. */
  from: z.string().max(64).optional(),
  /** Tasks that end by a person's word instead of running; needs `runs:mark`. */
  mark: z.record(z.string().max(64), z.strictObject(markFields)).optional(),
  /** The version of the run that is repeated (`same`, the default), or the deployed one. */
  version: versionChoice.optional(),
});
export type RetryBody = z.infer<typeof retryBodySchema>;
export const rerunBodySchema = z.strictObject({ version: versionChoice.optional() });

export const outputsSchema = z.object({
  run: z.string(),
  state: z.enum(runStates),
  outputs: z.record(z.string(), z.json()).nullable(),
  /** Outputs of each task that has some. */
  tasks: z.record(z.string(), z.record(z.string(), z.json())),
  /** Files among them; `name` is the last part of `…/files/{name}`. */
  files: z.array(
    z.object({
      name: z.string(),
      task: z.string(),
      output: z.string(),
      sizeBytes: z.number().int(),
      mediaType: z.string(),
      sha256: z.string(),
    }),
  ),
});
export type OutputsView = z.infer<typeof outputsSchema>;

export const summarySchema = z.object({
  run: z.string(),
  /** Markdown of tasks, in the order of the plan; untrusted. */
  tasks: z.array(z.object({ task: z.string(), attempt: z.number().int(), markdown: z.string() })),
});
export type SummaryView = z.infer<typeof summarySchema>;
