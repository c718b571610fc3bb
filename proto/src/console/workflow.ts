import { z } from "zod";
import { runStates } from "../state/run.ts";
import { pageQuery, timeSchema } from "./route.ts";

/** The newest runs of a workflow, newest first, for its row of squares. */
export const lastRunSchema = z.object({
  id: z.string(),
  name: z.string(),
  state: z.enum(runStates),
  createdAt: timeSchema,
  endedAt: timeSchema.nullable(),
});

export const workflowSchema = z.object({
  id: z.string(),
  name: z.string(),
  title: z.string().nullable(),
  description: z.string().nullable(),
  owner: z.string().nullable(),
  tags: z.array(z.string()),
  /** `sha256:…` of the version that new runs take. */
  digest: z.string(),
  /** Its number: 1, 2, 3 … */
  version: z.number().int(),
  deployedAt: timeSchema,
  deployedBy: z.string(),
  createdAt: timeSchema,
  /** Who holds its new runs back; null for one that is not paused. */
  pause: z.object({ actor: z.string(), reason: z.string(), at: timeSchema }).nullable(),
  /** At most 14. */
  lastRuns: z.array(lastRunSchema),
});
export type WorkflowView = z.infer<typeof workflowSchema>;

export const workflowDetailSchema = workflowSchema.extend({
  /** Declarations of the inputs, as in the canonical document. */
  inputs: z.record(z.string(), z.json()),
  tasks: z.array(
    z.object({
      task: z.string(),
      title: z.string().nullable(),
      action: z.string(),
      needs: z.array(z.string()),
    }),
  ),
  sourceFile: z.string(),
});
export type WorkflowDetail = z.infer<typeof workflowDetailSchema>;

export const versionRowSchema = z.object({
  workflow: z.string(),
  version: z.number().int(),
  digest: z.string(),
  active: z.boolean(),
  sourceFile: z.string(),
  bundleSha256: z.string().nullable(),
  createdAt: timeSchema,
  createdBy: z.string(),
});
export type VersionRow = z.infer<typeof versionRowSchema>;

export const versionDetailSchema = versionRowSchema.extend({
  /** Of a version that was made for a run: digest of the deployed one that it comes from. */
  derivedFrom: z.string().nullable(),
  /** The canonical document. */
  document: z.json(),
  /** The file as it was deployed. */
  source: z.string(),
});
export type VersionDetail = z.infer<typeof versionDetailSchema>;

export const pauseWorkflowBodySchema = z.strictObject({ reason: z.string().max(2000).optional() });

/** What pausing a workflow or letting it go on came to. */
export const workflowPausedSchema = z.object({
  workflow: z.string(),
  state: z.enum(["paused", "active"]),
  /** It was so before. */
  already: z.boolean(),
  /** Runs of it that wait to begin. */
  waiting: z.number().int(),
});
export type WorkflowPaused = z.infer<typeof workflowPausedSchema>;

export const workflowListQuery = z.strictObject({ ...pageQuery, q: z.string().max(200).optional() });
export const versionListQuery = z.strictObject(pageQuery);
