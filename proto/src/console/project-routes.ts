// Routes of one project itself; what stands in it has routes of its own.
import { changeProjectBodySchema, projectDetailSchema } from "./project.ts";
import type { Route } from "./route.ts";

const path = "/api/v1/projects/{project}";

export const projectRoutes = {
  projectGet: {
    method: "GET",
    path,
    summary: "One project that I am a member of",
    permission: "workflows:read",
    idempotency: "safe",
    response: projectDetailSchema,
    etag: "settings",
  },
  projectChange: {
    method: "PATCH",
    path,
    summary: "Change what is said about a project; its name stays, and so does what is left out",
    permission: "project:write",
    idempotency: "yes",
    body: changeProjectBodySchema,
    response: projectDetailSchema,
    etag: "settings",
    precondition: "required",
  },
} as const satisfies Record<string, Route>;
