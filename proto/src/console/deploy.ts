import { z } from "zod";
import { workflowBytesMax } from "../size.ts";
import { problemItemSchema } from "./problem.ts";
import { int32Max, pageQuery, timeSchema } from "./route.ts";

/** One workflow file. JSON is YAML, so compiled TypeScript travels in the same field. */
export const sourceDocumentSchema = z.strictObject({
  /** Path within the author's folder, for messages: `daily.yaml`. */
  file: z.string().min(1).max(1024),
  /** The text of the file. */
  source: z.string().max(workflowBytesMax),
  /** SHA-256 of its code bundle, which was uploaded before. */
  bundleSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
export type SourceDocument = z.infer<typeof sourceDocumentSchema>;

export const validateBodySchema = z.strictObject({ documents: z.array(sourceDocumentSchema).min(1).max(500) });
export const validationSchema = z.object({
  /** True where no problem is an error; warnings do not count. */
  ok: z.boolean(),
  problems: z.array(problemItemSchema),
  /** Those that can be read. */
  workflows: z.array(z.object({ workflow: z.string(), file: z.string(), digest: z.string() })),
});
export type Validation = z.infer<typeof validationSchema>;

export const deployBodySchema = z.strictObject({
  documents: z.array(sourceDocumentSchema).min(1).max(500),
  message: z.string().max(2000).optional(),
  /**
   * Deployed workflows that are not in this set are retired: nothing starts them any more, their runs go on and stay.
   * Refused where one that stays starts one of them.
   */
  prune: z.boolean().optional(),
  /** Everything is checked and told; nothing is changed. */
  dryRun: z.boolean().optional(),
});
export type DeployBody = z.infer<typeof deployBodySchema>;

export const rollbackBodySchema = z.strictObject({
  /** Number or digest of a version of this workflow. */
  version: z.union([z.number().int().min(1).max(int32Max), z.string().min(1).max(80)]),
  /** Kept in the history of deploys. */
  reason: z.string().trim().min(1).max(1900),
});

/** Which agents could take a task of the new version now. */
export const taskPlacementSchema = z.object({
  task: z.string(),
  pool: z.string(),
  /** Agents that match and are online; names of the first three. */
  agentsOnline: z.number().int(),
  /** Agents that match, online or not. */
  agentsMatching: z.number().int(),
  agents: z.array(z.string()),
  /** Why nobody could, as a reason code; null where somebody can. */
  reason: z.string().nullable(),
  /** Where nobody matches: the agent that lacks least, and what it lacks. */
  nearest: z.object({ agent: z.string(), lacks: z.string() }).nullable(),
  /** Labels that depend on the run's inputs are only known when it runs. */
  dynamic: z.boolean(),
});
export type TaskPlacement = z.infer<typeof taskPlacementSchema>;

export const deployedWorkflowSchema = z.object({
  workflow: z.string(),
  file: z.string(),
  result: z.enum(["new", "changed", "unchanged"]),
  digest: z.string(),
  version: z.number().int(),
  /** What differs from the version before, one sentence each. */
  changes: z.array(z.string()),
  warnings: z.array(problemItemSchema),
  placement: z.array(taskPlacementSchema),
});
export type DeployedWorkflow = z.infer<typeof deployedWorkflowSchema>;

export const deploySchema = z.object({
  /** Null for a dry run. */
  id: z.string().nullable(),
  dryRun: z.boolean(),
  actor: z.string(),
  message: z.string().nullable(),
  createdAt: timeSchema,
  workflows: z.array(deployedWorkflowSchema),
  /** Names of the workflows that `prune` retired, or would retire. */
  pruned: z.array(z.string()),
});
export type DeployView = z.infer<typeof deploySchema>;

export const bundleSchema = z.object({
  sha256: z.string(),
  sizeBytes: z.number().int(),
  /** False where it was there already. */
  created: z.boolean(),
});
export type BundleView = z.infer<typeof bundleSchema>;

export const deployListQuery = z.strictObject(pageQuery);
