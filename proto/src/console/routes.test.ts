import { expect, test } from "vitest";
import { errorEntry } from "../error/catalogue.ts";
import { isSystemPermission, permissions, roleAllows, roles } from "../permissions.ts";
import { givenTime, routeErrors, routeParams, routePath, routeQuery, type Route } from "./route.ts";
import { routes } from "./routes.ts";

const table: [string, Route][] = Object.entries(routes);

test("every route names a permission of the table, signed_in or none", () => {
  for (const [, route] of table) {
    const known =
      route.permission === "signed_in" || route.permission === "none" || Object.hasOwn(permissions, route.permission);
    expect(known, route.path).toBe(true);
  }
});

test("no permission stands in the table that no route requires", () => {
  const used = new Set(table.map(([, route]) => route.permission));
  expect(Object.keys(permissions).filter((permission) => !used.has(permission as keyof typeof permissions))).toEqual(
    [],
  );
});

test("only these paths need no sign-in", () => {
  const open = table.filter(([, route]) => route.permission === "none").map(([, route]) => route.path);
  expect(open.toSorted()).toEqual([
    "/auth/device",
    "/auth/device",
    "/auth/device/token",
    "/auth/exchange",
    "/auth/invitation",
    "/auth/logout",
    "/auth/oidc/callback",
    "/auth/oidc/start",
    "/auth/password",
    "/auth/token",
    "/hooks/{project}/{workflow}/{hook}",
    "/hooks/{project}/{workflow}/{hook}/{secret}",
    "/livez",
    "/login",
    "/readyz",
  ]);
});

test("a permission of a project stands only on paths that name the project", () => {
  for (const [, route] of table) {
    const inProject = route.path.startsWith("/api/v1/projects/{project}");
    const { permission } = route;
    const isOfProject = permission !== "none" && permission !== "signed_in" && !isSystemPermission(permission);
    expect(isOfProject, route.path).toBe(inProject);
  }
});

test("no two routes have the same method and path", () => {
  const keys = table.map(([, route]) => `${route.method} ${route.path}`);
  expect(new Set(keys).size).toBe(keys.length);
});

test("reads are safe, and every POST says how it may be repeated", () => {
  for (const [, route] of table) {
    expect(route.idempotency === "safe", route.path).toBe(route.method === "GET");
  }
});

test("every error of a route is in the catalogue with a status", () => {
  for (const [, route] of table) {
    for (const code of routeErrors(route))
      expect(errorEntry(code)?.status, `${route.path} ${code}`).toBeGreaterThanOrEqual(400);
  }
});

test("project_admin may do everything in a project, system_admin nothing", () => {
  for (const permission of Object.keys(permissions) as (keyof typeof permissions)[]) {
    const isOfProject = roleAllows("project_admin", permission);
    expect(isOfProject, permission).toBe(!isSystemPermission(permission));
    expect(roleAllows("system_admin", permission), permission).toBe(!isOfProject);
  }
  expect(roles).toHaveLength(9);
});

test("a viewer sees that something failed and not what it printed", () => {
  expect(roleAllows("viewer", "runs:read")).toBe(true);
  expect(roleAllows("viewer", "logs:read")).toBe(false);
  expect(roleAllows("viewer", "outputs:read")).toBe(false);
});

test("a path is filled with encoded parameters, and never with a missing one", () => {
  expect(routePath(routes.taskGet.path, { project: "default", run: "hello-1", task: "a/../b" })).toBe(
    "/api/v1/projects/default/runs/hello-1/tasks/a%2F..%2Fb",
  );
  expect(() => routePath(routes.runGet.path, { project: "default" })).toThrow(/run/);
  expect(routeParams(routes.taskGet.path)).toEqual(["project", "run", "task"]);
  expect(routeQuery({ state: ["failed", "queued"], limit: 5, q: undefined })).toBe(
    "?state=failed&state=queued&limit=5",
  );
});

test("a query that is repeated once is a list as well, and unknown keys are refused", () => {
  expect(routes.runList.query.parse({ state: "failed", limit: "5", count: "1" })).toEqual({
    state: ["failed"],
    limit: 5,
    count: true,
  });
  expect(routes.runList.query.safeParse({ sate: "failed" }).success).toBe(false);
  expect(routes.runList.query.safeParse({ limit: "501" }).success).toBe(false);
});

test("a time is taken in UTC, whatever its offset, where a database can hold it", () => {
  const given = (text: string) => givenTime().safeParse(text);
  expect(given("0245-02-26T13:31:46-17:09").data).toBe("0245-02-27T06:40:46.000Z");
  for (const text of ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "2026-11-28"])
    expect(given(text).success, text).toBe(false);
});
