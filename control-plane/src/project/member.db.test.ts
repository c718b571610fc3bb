import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const server = await serverFixture(await cloneDatabase());
afterAll(() => server.close());
const P = "/projects/default";
/** Whatever is there. */
const seen = { "if-match": "*" };

test("a project is made once, with a pool, and is empty", async () => {
  const key = { "idempotency-key": "project-once" };
  const made = await server.call("POST", "/projects", { name: "sales" }, key);
  expect(made).toMatchObject({ status: 201, body: { name: "sales", role: "project_admin" } });
  const again = await server.call("POST", "/projects", { name: "sales" }, key);
  expect(again.body).toEqual(made.body);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  expect(await server.call("POST", "/projects", { name: "sales" })).toMatchObject({
    status: 409,
    body: { code: "state_conflict" },
  });
  expect((await server.call("GET", "/projects/sales/pools")).body).toMatchObject({ data: [{ name: "default" }] });
  expect((await server.call("GET", "/projects/sales/runs")).body).toMatchObject({ data: [] });
  expect((await server.call("POST", "/projects", { name: "No Good" })).body).toMatchObject({ code: "malformed" });
});

test("members come, change their role and go, and each change is in the audit trail", async () => {
  expect((await server.call("POST", `${P}/service-accounts`, { name: "etl", role: "viewer" })).status).toBe(201);
  expect(await server.call("POST", `${P}/service-accounts`, { name: "etl", role: "viewer" })).toMatchObject({
    status: 409,
  });
  expect((await server.call("PUT", `${P}/members/etl`, { role: "operator" }, seen)).body).toMatchObject({
    role: "operator",
  });
  expect(await server.call("PUT", `${P}/members/nobody`, { role: "viewer" })).toMatchObject({ status: 404 });
  expect(await server.call("PUT", `${P}/members/etl`, { role: "system_admin" })).toMatchObject({
    status: 400,
    body: { code: "malformed" },
  });
  // The account of one project may be a member of another one.
  expect((await server.call("PUT", "/projects/sales/members/etl", { role: "viewer" })).status).toBe(200);
  expect((await server.call("GET", `${P}/members`)).body).toMatchObject({ data: [{ user: "etl", role: "operator" }] });
  expect((await server.call("DELETE", `${P}/members/etl`, undefined, seen)).status).toBe(204);
  expect((await server.call("GET", `${P}/members`)).body).toMatchObject({ data: [] });
  const trail = await server.call("GET", `${P}/audit?action=members:write&order=asc&count=1`);
  expect(trail.body).toMatchObject({
    total: 3,
    data: [
      { actor: "local", subject: "etl", detail: { role: "viewer", service: true } },
      { subject: "etl", detail: { role: "operator", before: "viewer" } },
      { subject: "etl", detail: { removed: true, before: "operator" } },
    ],
  });
});

test("a project keeps a project_admin", async () => {
  await server.call("POST", "/projects/sales/service-accounts", { name: "boss", role: "project_admin" });
  for (const [method, body] of [
    ["PUT", { role: "viewer" }],
    ["DELETE", undefined],
  ] as const)
    expect(await server.call(method, "/projects/sales/members/boss", body, seen)).toMatchObject({
      status: 409,
      body: { code: "state_conflict" },
    });
  await server.call("POST", "/projects/sales/service-accounts", { name: "deputy", role: "project_admin" });
  const both = await Promise.all(
    ["boss", "deputy"].map((name) => server.call("DELETE", `/projects/sales/members/${name}`, undefined, seen)),
  );
  expect(new Set(both.map(({ status }) => status))).toEqual(new Set([204, 409]));
});

test("the trail is read page by page in both directions, and its head is the newest record", async () => {
  const newest = await server.call("GET", `${P}/audit?limit=1`);
  const head = await server.call("GET", `${P}/audit/head`);
  expect(newest.body).toMatchObject({ data: [{ seq: head.body["seq"], sha256: head.body["sha256"] }] });
  const seen: number[] = [];
  let cursor = "";
  do {
    const page = await server.call("GET", `${P}/audit?order=asc&limit=2${cursor}`);
    const { data, nextCursor } = page.body as { data: { seq: number }[]; nextCursor: string | null };
    seen.push(...data.map(({ seq }) => seq));
    cursor = nextCursor === null ? "" : `&cursor=${nextCursor}`;
  } while (cursor !== "");
  expect(seen).toEqual(Array.from({ length: Number(head.body["seq"]) }, (_, i) => i + 1));
  expect((await server.call("GET", `${P}/audit?limit=2&cursor=AAAA`)).body).toMatchObject({ code: "cursor_invalid" });
});

test("the trail of the installation is read by system admins alone, apart from that of a project", async () => {
  await server.call("POST", "/users", { name: "newcomer" });
  const newest = await server.call("GET", "/audit?limit=1&action=users:write");
  expect(newest.body).toMatchObject({ data: [{ action: "users:write", subject: "newcomer" }] });
  const head = await server.call("GET", "/audit/head");
  expect((await server.call("GET", "/audit?limit=1")).body).toMatchObject({ data: [{ seq: head.body["seq"] }] });
  expect((await server.call("GET", `${P}/audit?action=users:write`)).body).toMatchObject({ data: [] });
});
