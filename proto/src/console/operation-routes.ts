// Routes of actions on many runs.
import {
  cancelManyBodySchema,
  operationSchema,
  operationStartedSchema,
  rerunManyBodySchema,
  retryManyBodySchema,
} from "./operation.ts";
import type { Route } from "./route.ts";

const P = "/api/v1/projects/{project}";
const started = {
  response: operationStartedSchema,
  status: 202,
  otherStatus: 200,
  errors: ["count_changed", "limit_exceeded", "filter_invalid"],
} as const;

export const operationRoutes = {
  runsCancel: {
    method: "POST",
    path: `${P}/runs/actions/cancel`,
    summary: "Cancel many runs; dryRun counts them",
    permission: "runs:cancel",
    idempotency: "key",
    body: cancelManyBodySchema,
    ...started,
  },
  runsRetry: {
    method: "POST",
    path: `${P}/runs/actions/retry`,
    summary: "Retry many runs that have ended; dryRun counts them",
    permission: "runs:retry",
    idempotency: "key",
    body: retryManyBodySchema,
    ...started,
  },
  runsRerun: {
    method: "POST",
    path: `${P}/runs/actions/rerun`,
    summary: "Start many runs again with their inputs; dryRun counts them",
    permission: "runs:start",
    idempotency: "key",
    body: rerunManyBodySchema,
    ...started,
  },
  operationGet: {
    method: "GET",
    path: `${P}/operations/{operation}`,
    summary: "How far an action on many runs has come",
    permission: "runs:read",
    idempotency: "safe",
    response: operationSchema,
  },
} as const satisfies Record<string, Route>;
