import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const database = await cloneDatabase();
const server = await serverFixture(database);
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await owner.end();
  await server.close();
});

const call = async (method: string, target: string, body?: unknown, headers = {}) => {
  const answer = await server.call(method, `/projects/default${target}`, body, headers);
  return { status: answer.status, json: answer.body };
};
/** Whatever is there. */
const seen = { "if-match": "*" };

const workflow = (name: string, limit: string): unknown => ({
  documents: [
    {
      file: `${name}.yaml`,
      source: `version: 1\nname: ${name}\ntasks:\n  a: { run: "true", limits: [${limit}] }\n`,
    },
  ],
});

test("a limit is made, changed and shown, and each change is in the audit trail", async () => {
  expect((await call("PUT", "/limits/db", { capacity: 2 })).json).toMatchObject({ name: "db", capacity: 2, used: 0 });
  expect((await call("PUT", "/limits/db", { capacity: 3 }, seen)).json).toMatchObject({ capacity: 3, perMs: null });
  await call("PUT", "/limits/api", { capacity: 60, perMs: 60_000 });
  expect((await call("GET", "/limits")).json).toMatchObject({
    data: [
      { name: "api", capacity: 60, perMs: 60_000 },
      { name: "db", capacity: 3 },
    ],
  });
  expect((await call("GET", "/limits/db")).json).toMatchObject({ holders: [], waiting: 0 });
  const { rows } = await owner.query(
    "SELECT actor, subject, detail FROM audit_records WHERE action = 'limits:write' ORDER BY seq",
  );
  expect(rows).toEqual([
    { actor: "local", subject: "db", detail: { capacity: 2 } },
    { actor: "local", subject: "db", detail: { capacity: 3 } },
    { actor: "local", subject: "api", detail: { capacity: 60, perMs: 60_000 } },
  ]);
});

test.each([
  ["PUT", "/limits/Bad-Name", { capacity: 1 }, 400],
  ["PUT", "/limits/x", { capacity: -1 }, 400],
  ["PUT", "/limits/x", { capacity: 1, perMs: 5 }, 400],
  ["PUT", "/limits/x", {}, 400],
  ["PUT", "/limits/x", { capacity: 1, more: 1 }, 400],
  ["GET", "/limits/nope", undefined, 404],
  ["DELETE", "/limits/nope", undefined, 404],
] as const)("%s %s %j is refused", async (method, target, body, status) => {
  expect((await call(method, target, body)).status).toBe(status);
});

test("a deploy is refused at the name of a limit that is not there, and told of a weight that can never be met", async () => {
  const refused = await call("POST", "/deploys", workflow("lost", "databse"));
  expect(refused.status).toBe(422);
  expect(refused.json).toMatchObject({
    code: "spec_invalid",
    errors: [{ code: "unknown_limit", line: 4, pointer: "/tasks/a/limits/0" }],
  });
  await call("PUT", "/limits/small", { capacity: 1 });
  const told = await call("POST", "/deploys", workflow("heavy", "{ name: small, weight: 2 }"));
  expect(told.json).toMatchObject({ workflows: [{ warnings: [{ code: "limit_unreachable" }] }] });
});

test("a limit that a deployed workflow names is not removed; another is", async () => {
  await call("PUT", "/limits/used", { capacity: 1 });
  await call("POST", "/deploys", workflow("user", "used"));
  const kept = await call("DELETE", "/limits/used", undefined, seen);
  expect(kept.status).toBe(409);
  expect(kept.json).toMatchObject({ code: "in_use", evidence: { workflows: ["user"] } });
  await call("PUT", "/limits/unused", { capacity: 1 });
  expect((await call("DELETE", "/limits/unused", undefined, seen)).status).toBe(204);
  expect((await call("GET", "/limits/unused")).status).toBe(404);
});

test("explain names the limit that keeps a task back, and the queue counts it under that reason", async () => {
  await call("PUT", "/limits/shut", { capacity: 0 });
  await call("POST", "/deploys", workflow("held", "shut"));
  await call("POST", "/workflows/held/runs", {});
  // An agent that could take it: without one, that would be the reason.
  await owner.query(`
    WITH pool AS (SELECT project_id, id FROM pools LIMIT 1), made AS (
      INSERT INTO agents (project_id, id, pool_id, name, state, key_thumbprint, identity_key, slots)
      SELECT project_id, gen_random_uuid(), id, 'one', 'active', 't', '{}', 4 FROM pool RETURNING project_id, id)
    INSERT INTO agent_sessions (project_id, agent_id, session, connect_no, heartbeat, renewed_ms, boot_id, replica, state)
    SELECT project_id, made.id, 1, 1, 0, counted_ms, 'b', 'r', 'live' FROM made, lease_clock`);
  const { json } = await call("GET", "/runs/held-1/tasks/a/explain");
  expect(json).toMatchObject({ code: "limit_reached", evidence: { limit: "shut", used: 0, max: 0, holders: [] } });
  expect(json["detail"]).toContain("can never be met");
  expect((await call("GET", "/queue")).json).toMatchObject({ data: [{ reason: "limit_reached", count: 1 }] });
});
