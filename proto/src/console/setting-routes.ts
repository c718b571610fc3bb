// Routes of what a project sets: limits and variables.
import { limitDetailSchema, limitSchema, setLimitBodySchema } from "./limit.ts";
import { page } from "./route.ts";
import { setVariableBodySchema, variableSchema } from "./variable.ts";
import type { Route } from "./route.ts";

const P = "/api/v1/projects/{project}";
const L = `${P}/limits/{limit}` as const;
const V = `${P}/variables/{variable}` as const;

export const settingRoutes = {
  limitList: {
    method: "GET",
    path: `${P}/limits`,
    summary: "Limits of the project with what is used of them",
    permission: "pools:read",
    idempotency: "safe",
    response: page(limitSchema),
  },
  limitGet: {
    method: "GET",
    path: L,
    summary: "One limit, with who holds it and what waits for it",
    permission: "pools:read",
    idempotency: "safe",
    response: limitDetailSchema,
    etag: "settings",
  },
  limitSet: {
    method: "PUT",
    path: L,
    summary: "Make a limit or change it; what is held stays held",
    permission: "limits:write",
    idempotency: "yes",
    body: setLimitBodySchema,
    response: limitSchema,
    etag: "settings",
    precondition: "unless_new",
  },
  limitDelete: {
    method: "DELETE",
    path: L,
    summary: "Remove a limit that no workflow uses",
    permission: "limits:write",
    idempotency: "yes",
    status: 204,
    precondition: "required",
    errors: ["in_use"],
  },

  variableList: {
    method: "GET",
    path: `${P}/variables`,
    summary: "Variables of the project",
    permission: "workflows:read",
    idempotency: "safe",
    response: page(variableSchema),
  },
  variableGet: {
    method: "GET",
    path: V,
    summary: "One variable",
    permission: "workflows:read",
    idempotency: "safe",
    response: variableSchema,
    etag: "whole",
  },
  variableSet: {
    method: "PUT",
    path: V,
    summary: "Make a variable or change it; runs that have been asked for keep the value they began with",
    permission: "secretRefs:write",
    idempotency: "yes",
    body: setVariableBodySchema,
    response: variableSchema,
    etag: "whole",
    precondition: "unless_new",
  },
  variableDelete: {
    method: "DELETE",
    path: V,
    summary: "Remove a variable that no workflow reads",
    permission: "secretRefs:write",
    idempotency: "yes",
    status: 204,
    precondition: "required",
    errors: ["in_use"],
  },
} as const satisfies Record<string, Route>;
