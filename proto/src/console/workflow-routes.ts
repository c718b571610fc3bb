// Routes of workflow files, their versions and what was deployed.
import {
  bundleSchema,
  deployBodySchema,
  deployListQuery,
  deploySchema,
  validateBodySchema,
  validationSchema,
} from "./deploy.ts";
import { page } from "./route.ts";
import {
  pauseWorkflowBodySchema,
  versionDetailSchema,
  versionListQuery,
  versionRowSchema,
  workflowDetailSchema,
  workflowListQuery,
  workflowPausedSchema,
  workflowSchema,
} from "./workflow.ts";
import type { Route } from "./route.ts";

const P = "/api/v1/projects/{project}";
const W = `${P}/workflows/{workflow}` as const;

export const workflowRoutes = {
  validate: {
    method: "POST",
    path: `${P}/validate`,
    summary: "Check workflow files; nothing is changed",
    permission: "workflows:validate",
    idempotency: "yes",
    body: validateBodySchema,
    response: validationSchema,
  },
  bundlePut: {
    method: "PUT",
    path: `${P}/bundles/{sha256}`,
    summary: "Upload a code bundle; its hash is checked",
    permission: "workflows:deploy",
    idempotency: "yes",
    rawBody: "application/octet-stream",
    response: bundleSchema,
    errors: ["hash_mismatch", "reauth_required"],
  },
  deployCreate: {
    method: "POST",
    path: `${P}/deploys`,
    summary: "Deploy a set of workflow files: all of them or none; dryRun gives the plan",
    permission: "workflows:deploy",
    idempotency: "key",
    body: deployBodySchema,
    response: deploySchema,
    errors: ["spec_invalid", "bundle_missing", "reauth_required"],
  },
  deployList: {
    method: "GET",
    path: `${P}/deploys`,
    summary: "History of deploys, newest first",
    permission: "workflows:read",
    idempotency: "safe",
    query: deployListQuery,
    response: page(deploySchema),
    errors: ["cursor_invalid"],
  },

  workflowList: {
    method: "GET",
    path: `${P}/workflows`,
    summary: "Workflows by name, with their last runs",
    permission: "workflows:read",
    idempotency: "safe",
    query: workflowListQuery,
    response: page(workflowSchema),
    errors: ["cursor_invalid"],
  },
  workflowGet: {
    method: "GET",
    path: W,
    summary: "One workflow",
    permission: "workflows:read",
    idempotency: "safe",
    response: workflowDetailSchema,
  },
  workflowPause: {
    method: "POST",
    path: `${W}/actions/pause`,
    summary: "Pause a workflow: new runs of it wait, runs that have begun go on; repeats are harmless",
    permission: "schedules:write",
    idempotency: "yes",
    body: pauseWorkflowBodySchema,
    response: workflowPausedSchema,
  },
  workflowResume: {
    method: "POST",
    path: `${W}/actions/resume`,
    summary: "Let a paused workflow go on: its waiting runs begin; repeats are harmless",
    permission: "schedules:write",
    idempotency: "yes",
    response: workflowPausedSchema,
  },
  versionList: {
    method: "GET",
    path: `${W}/versions`,
    summary: "Versions of a workflow, newest first",
    permission: "workflows:read",
    idempotency: "safe",
    query: versionListQuery,
    response: page(versionRowSchema),
    errors: ["cursor_invalid"],
  },
  versionGet: {
    method: "GET",
    path: `${W}/versions/{version}`,
    summary: "One version, by number or digest: canonical document and source",
    permission: "workflows:read",
    idempotency: "safe",
    response: versionDetailSchema,
  },
} as const satisfies Record<string, Route>;
