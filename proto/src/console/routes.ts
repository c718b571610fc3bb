// The route table: every path that people and their tools call. Guard, validation, OpenAPI, typed clients and the
// documentation are made from it; the routes of agents are in `agent/`.
import { agentRoutes } from "./agent-routes.ts";
import { meSchema, versionSchema } from "./auth.ts";
import { backfillRoutes } from "./backfill-routes.ts";
import { deviceRoutes } from "./device-routes.ts";
import { endpointRoutes } from "./endpoint-routes.ts";
import { eventRoutes } from "./event-routes.ts";
import { operationRoutes } from "./operation-routes.ts";
import { peopleRoutes } from "./people-routes.ts";
import { projectRoutes } from "./project-routes.ts";
import { runActionRoutes } from "./run-action-routes.ts";
import { runRoutes } from "./run-routes.ts";
import { scheduleRoutes } from "./schedule-routes.ts";
import { settingRoutes } from "./setting-routes.ts";
import { signInRoutes } from "./sign-in-routes.ts";
import { userRoutes } from "./user-routes.ts";
import { webhookRoutes } from "./webhook-routes.ts";
import { workflowRoutes } from "./workflow-routes.ts";
import type { Route } from "./route.ts";

export const routes = {
  ...peopleRoutes,
  ...projectRoutes,
  ...operationRoutes,
  ...backfillRoutes,
  me: {
    method: "GET",
    path: "/api/v1/me",
    summary: "Who am I, and what may I do",
    permission: "signed_in",
    idempotency: "safe",
    response: meSchema,
  },
  version: {
    method: "GET",
    path: "/api/v1/version",
    summary: "Versions of the server, its API, its agent protocol and its schema",
    permission: "signed_in",
    idempotency: "safe",
    response: versionSchema,
  },
  openapi: {
    method: "GET",
    path: "/api/v1/openapi.json",
    summary: "This contract as OpenAPI 3.1",
    permission: "signed_in",
    idempotency: "safe",
    responseType: "application/json",
  },
  ...workflowRoutes,
  ...runRoutes,
  ...runActionRoutes,
  ...eventRoutes,
  ...agentRoutes,
  ...settingRoutes,
  ...userRoutes,
  ...scheduleRoutes,
  ...webhookRoutes,
  ...endpointRoutes,
  ...signInRoutes,
  ...deviceRoutes,
} as const satisfies Record<string, Route>;
