import { permissions, roleAllows, type Permission } from "@capstan/proto";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const server = await serverFixture(await cloneDatabase());
afterAll(() => server.close());
const P = "/projects/default";

const as = (token: unknown) => ({ authorization: `Bearer ${String(token)}` });

async function accountWith(
  role: string,
  scopes: readonly string[],
  name: string,
  project = "default",
): Promise<string> {
  const made = await server.call("POST", `/projects/${project}/service-accounts`, { name, role });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return tokenFor(name, scopes, project);
}

async function tokenFor(name: string, scopes: readonly string[], project = "default"): Promise<string> {
  const token = await server.call("POST", `/projects/${project}/tokens`, {
    name: "test",
    scopes,
    serviceAccount: name,
  });
  expect(token.status, JSON.stringify(token.body)).toBe(201);
  return String(token.body["token"]);
}

test("a token allows what it was made for, in its project, and nothing else", async () => {
  expect((await server.call("POST", "/projects", { name: "other" })).status).toBe(201);
  const token = await accountWith("operator", ["runs:read"], "board");
  expect((await server.call("GET", `${P}/runs`, undefined, as(token))).status).toBe(200);
  const refused = await server.call("GET", `${P}/workflows`, undefined, as(token));
  expect(refused).toMatchObject({ status: 403, body: { code: "forbidden" } });
  expect(String(refused.body["detail"])).toContain("made without it");
  expect((await server.call("GET", "/projects/other/runs", undefined, as(token))).status).toBe(404);
  expect((await server.call("GET", "/me", undefined, as(token))).body).toMatchObject({
    user: { name: "board", kind: "service", systemAdmin: false },
    projects: [{ name: "default", permissions: ["runs:read"] }],
  });
});

test("a token never allows more than the role of its holder", async () => {
  const token = await accountWith("viewer", ["runs:read", "logs:read", "members:write"], "watcher");
  expect((await server.call("GET", `${P}/limits`, undefined, as(token))).status).toBe(403);
  expect((await server.call("PUT", `${P}/members/watcher`, { role: "project_admin" }, as(token))).status).toBe(403);
});

test("whoever makes a token gives at most what they have themselves", async () => {
  const token = await accountWith("operator", ["tokens:create", "runs:read"], "maker");
  const more = await server.call("POST", `${P}/tokens`, { name: "more", scopes: ["runs:start"] }, as(token));
  expect(more).toMatchObject({ status: 403, body: { code: "forbidden" } });
  const foreign = { name: "theirs", scopes: ["runs:read"], serviceAccount: "board" };
  expect((await server.call("POST", `${P}/tokens`, foreign, as(token))).status).toBe(403);
  expect((await server.call("POST", `${P}/tokens`, { name: "same", scopes: ["runs:read"] }, as(token))).status).toBe(
    201,
  );
});

test("an API token of the administrator is no token of the machine: no sign-in link, no projects, no other tokens", async () => {
  const all = Object.keys(permissions).filter((one) => roleAllows("project_admin", one as Permission));
  const made = await server.call("POST", `${P}/tokens`, { name: "admin", scopes: all });
  const token = as(made.body["token"]);
  expect((await server.call("GET", `${P}/members`, undefined, token)).status).toBe(200);
  expect((await server.call("POST", "/projects", { name: "by-token" }, token)).status).toBe(403);
  expect((await server.call("GET", "/me/tokens", undefined, token)).status).toBe(403);
  const link = await fetch(`${server.url}/auth/links`, { method: "POST", headers: token });
  expect(link.status).toBe(403);
});

test("a repeated request is answered with the same token, and another body is refused", async () => {
  const body = { name: "nightly", scopes: ["runs:read"] };
  const key = { "idempotency-key": "token-once" };
  const first = await server.call("POST", `${P}/tokens`, body, key);
  const second = await server.call("POST", `${P}/tokens`, body, key);
  expect(second.body["token"]).toBe(first.body["token"]);
  expect(second.headers.get("idempotency-replayed")).toBe("true");
  expect((await server.call("POST", `${P}/tokens`, { ...body, name: "x" }, key)).status).toBe(422);
});

test("a revoked token, one whose holder has left, and a changed one are nobody's", async () => {
  const token = await accountWith("viewer", ["runs:read"], "leaver");
  const mine = await server.call("POST", `${P}/tokens`, { name: "mine", scopes: ["runs:read"] });
  const path = `/me/tokens/${String(mine.body["id"])}`;
  expect((await server.call("GET", `${P}/runs`, undefined, as(mine.body["token"]))).status).toBe(200);
  expect((await server.call("DELETE", path)).status).toBe(204);
  expect((await server.call("GET", `${P}/runs`, undefined, as(mine.body["token"]))).status).toBe(401);
  expect((await server.call("DELETE", path)).status).toBe(404);
  expect((await server.call("DELETE", `${P}/members/leaver`, undefined, { "if-match": "*" })).status).toBe(204);
  expect((await server.call("GET", `${P}/runs`, undefined, as(token))).status).toBe(401);
  const other = String(token.slice(0, -20)) + "A".repeat(20);
  expect((await server.call("GET", `${P}/runs`, undefined, as(other))).status).toBe(401);
});

test("no answer but the first shows a token, and lists show nothing of it but its id", async () => {
  const made = await server.call("POST", `${P}/tokens`, { name: "secret", scopes: ["runs:read"] });
  for (const path of [`${P}/tokens`, "/me/tokens", `${P}/audit?limit=500`]) {
    const text = JSON.stringify((await server.call("GET", path)).body);
    expect(text).toContain(String(made.body["id"]));
    expect(text).not.toContain(String(made.body["token"]).split("_")[3]);
  }
});
