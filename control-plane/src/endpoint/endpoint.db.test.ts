// Endpoints against a receiver of this test: signed, at least once, in order for each run, and with what answers ask for.
import { createHmac } from "node:crypto";
import http from "node:http";
import pg from "pg";
import { afterAll, beforeEach, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import { moveAgentState } from "../database/store/agent-state.ts";
import { serverFixture, type Answer } from "../testing/server-fixture.ts";

interface Got {
  readonly id: string;
  readonly isSigned: boolean;
  readonly type: string;
  readonly run: string;
}
let got: Got[] = [];
let secrets: string[] = [];
/** What the receiver answers next; 204 where there is nothing left. */
let answers: { readonly status: number; readonly headers?: Record<string, string> }[] = [];

/** Requests that are never answered. */
let silent = 0;

const receiver = http.createServer((request, response) => {
  if (request.url === "/silent") {
    silent += 1;
    request.resume();
    return;
  }
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (part: string) => (body += part));
  request.on("end", () => {
    const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature } = request.headers;
    const right = secrets.map((secret) => {
      const key = Buffer.from(secret.slice("whsec_".length), "base64");
      return `v1,${createHmac("sha256", key)
        .update(`${String(id)}.${String(time)}.${body}`)
        .digest("base64")}`;
    });
    const isFresh = Math.abs(Date.now() / 1000 - Number(time)) < 300;
    const isSigned = isFresh && right.every((one) => String(signature).split(" ").includes(one));
    const { type, data } = JSON.parse(body) as { type: string; data: { run?: { name: string } } }; // what we send
    got.push({ id: String(id), isSigned, type, run: data.run?.name ?? "" });
    const { status, headers } = answers.shift() ?? { status: 204 };
    response.writeHead(status, headers).end();
  });
});
await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
const address = receiver.address();
const host = `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;

const database = await cloneDatabase();
const server = await serverFixture(database, { CAPSTAN_EGRESS__ALLOW: host });
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await owner.end();
  await server.close();
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
});
const P = "/projects/default";
await server.deploy("version: 1\nname: job\ntasks: { a: { wait: 1ms } }\n");
await server.deploy("version: 1\nname: other\ntasks: { a: { wait: 1ms } }\n");

beforeEach(async () => {
  for (const { id } of await listed())
    await server.call("DELETE", `${P}/endpoints/${id}`, undefined, { "if-match": "*" });
  got = [];
  answers = [];
});

const listed = async (): Promise<readonly { id: string; state: string; reason: string | null }[]> =>
  (await server.call("GET", `${P}/endpoints`)).body["data"] as { id: string; state: string; reason: string | null }[]; // of endpointList
const create = (body: object, headers = {}): Promise<Answer> =>
  server.call(
    "POST",
    `${P}/endpoints`,
    { url: `http://${host}/hook`, types: ["run.started", "run.succeeded"], ...body },
    headers,
  );
/** An endpoint with its secret; answers its path. */
async function made(body: object = {}): Promise<string> {
  const { status, body: answer } = await create(body);
  expect(status).toBe(201);
  secrets = [String(answer["secret"])];
  return `${P}/endpoints/${(answer["endpoint"] as { id: string }).id}`; // of endpointCreate
}
const run = (workflow = "job") => server.call("POST", `${P}/workflows/${workflow}/runs?wait=20s`, {});
const received = (count: number): Promise<readonly Got[]> =>
  until(`${count} messages`, 30_000, async () => (got.length >= count ? got : undefined));
interface Message {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly tries: readonly { readonly status: number | null; readonly error: string | null }[];
}
const messages = async (path: string): Promise<readonly Message[]> =>
  (await server.call("GET", `${path}/deliveries`)).body["data"] as Message[]; // of endpointDeliveries
/** The next try comes now, and not after its pause. */
const dueNow = () => owner.query("UPDATE endpoint_deliveries SET next_at = clock_timestamp() WHERE outcome IS NULL");

test("what happens to runs is sent signed, in order for each run, and only what was asked for", async () => {
  await made({ workflows: ["job"] });
  await Promise.all([run("other"), ...Array.from({ length: 10 }, () => run())]);
  const found = await received(20);
  expect(found.every((one) => one.isSigned)).toBe(true);
  expect(new Set(found.map(({ id }) => id)).size).toBe(20);
  for (const name of new Set(found.map((one) => one.run)))
    expect(
      found.filter((one) => one.run === name).map(({ type }) => type),
      name,
    ).toEqual(["run.started", "run.succeeded"]);
  expect(found.filter((one) => one.run.startsWith("other"))).toEqual([]);
});

test("what is not taken is sent again under the same id, and those behind it wait; Retry-After is honoured", async () => {
  const path = await made();
  answers = [{ status: 500 }, { status: 503, headers: { "retry-after": "3600" } }];
  await run();
  await received(1);
  await until("the first try is written", 20_000, async () =>
    (await messages(path))[1]?.tries.length === 1 ? true : undefined,
  );
  await dueNow();
  await received(2);
  await until("the second try is written", 20_000, async () =>
    (await messages(path))[1]?.tries.length === 2 ? true : undefined,
  );
  expect(got.map(({ type }) => type)).toEqual(["run.started", "run.started"]);
  const { rows } = await owner.query<{ inS: number }>(
    `SELECT extract(epoch FROM next_at - clock_timestamp())::float8 AS "inS" FROM endpoint_deliveries WHERE attempts = 2`,
  );
  expect(rows[0]?.inS).toBeGreaterThan(3_500);
  expect((await listed())[0]?.state).toBe("failing");
  await dueNow();
  const found = await received(4);
  expect(found.map(({ type }) => type)).toEqual(["run.started", "run.started", "run.started", "run.succeeded"]);
  expect(new Set(found.slice(0, 3).map(({ id }) => id)).size).toBe(1);
  await until("both are written", 20_000, async () =>
    (await messages(path)).every(({ state }) => state === "delivered") ? true : undefined,
  );
  expect((await messages(path)).map(({ tries }) => tries.map(({ status }) => status))).toEqual([
    [204],
    [500, 503, 204],
  ]);
  expect((await listed())[0]?.state).toBe("active");
});

test("410 switches an endpoint off; enabled again, it gets what waited, and a replay keeps its id", async () => {
  const path = await made();
  answers = [{ status: 410 }];
  await server.call("POST", `${path}/actions/test`);
  await received(1);
  await until("it is off", 20_000, async () => ((await listed())[0]?.state === "disabled" ? true : undefined));
  expect((await listed())[0]?.reason).toContain("410");
  // What happens meanwhile is not kept for it; what was asked for is.
  await run();
  await server.call("POST", `${path}/actions/test`);
  expect(got).toHaveLength(1);
  expect((await server.call("POST", `${path}/actions/enable`)).body["state"]).toBe("active");
  expect((await received(2)).map(({ type }) => type)).toEqual(["test", "test"]);
  const failed = (await messages(path)).find(({ state }) => state === "failed");
  const again = await server.call("POST", `${path}/deliveries/${failed?.id ?? ""}/actions/replay`);
  expect(again.status).toBe(200);
  expect((await received(3))[2]?.id).toBe(failed?.id);
});

test("after all pauses a message has failed; five days without a success switch the endpoint off", async () => {
  const path = await made();
  // The first asks for an hour, so that the second try is the one that this test makes due.
  answers = [{ status: 503, headers: { "retry-after": "3600" } }, { status: 500 }];
  expect((await server.call("POST", `${path}/actions/test`)).body).toMatchObject({ type: "test", state: "pending" });
  await received(1);
  await until("its try is written", 20_000, async () =>
    (await messages(path))[0]?.tries.length === 1 ? true : undefined,
  );
  await owner.query("UPDATE endpoint_deliveries SET attempts = 9, next_at = clock_timestamp()");
  await owner.query("UPDATE endpoints SET failing_since = clock_timestamp() - interval '6 days'");
  await received(2);
  await until("it has failed", 20_000, async () => ((await messages(path))[0]?.state === "failed" ? true : undefined));
  expect((await listed())[0]).toMatchObject({ state: "disabled", reason: "no delivery has succeeded for 5 days" });
});

test("for a day both secrets sign; each is shown once, and again to the same key", async () => {
  const path = await made();
  const key = { "idempotency-key": "once" };
  const rotated = await server.call("POST", `${path}/actions/rotate`, undefined, key);
  expect((await server.call("POST", `${path}/actions/rotate`, undefined, key)).body).toEqual(rotated.body);
  secrets.push(String(rotated.body["secret"]));
  await server.call("POST", `${path}/actions/test`);
  expect((await received(1))[0]?.isSigned).toBe(true);
  const stored = await owner.query<{ text: string }>("SELECT s::text AS text FROM endpoint_secrets s");
  const shown = JSON.stringify([await listed(), stored.rows, (await server.call("GET", `${P}/audit`)).body]);
  for (const secret of secrets) expect(shown).not.toContain(secret);
});

test("addresses within are refused when they are made, and when a name leads there", async () => {
  for (const url of [
    "http://example.com/hook",
    "https://127.0.0.1/hook",
    "https://10.0.0.1/hook",
    "https://[::1]/hook",
    "https://169.254.169.254/latest/meta-data",
    "https://user:secret@example.com/",
    "https://example.com:22/",
    "file:///etc/passwd",
    "nonsense",
  ])
    expect(await create({ url }), url).toMatchObject({ status: 422, body: { code: "egress_denied" } });
  expect((await create({ types: ["run.unknown"] })).status).toBe(400);
  const path = await made({ url: "https://localhost/hook" });
  await server.call("POST", `${path}/actions/test`);
  const [message] = await until("its try is written", 20_000, async () => {
    const found = await messages(path);
    return found[0]?.tries.length === 1 ? found : undefined;
  });
  expect(message?.tries[0]).toMatchObject({ status: null, error: expect.stringContaining("not public") });
  expect((await server.call("GET", `${P}/endpoints/ep_nothing`)).status).toBe(404);
});

test("an endpoint that does not answer holds up no other, and has a few requests at a time", async () => {
  const silentPath = await made({ url: `http://${host}/silent` });
  await made();
  const runs = 12;
  for (let n = 0; n < runs; n++) await server.call("POST", `${P}/workflows/job/runs?wait=10s`, {});
  await until("the other has heard of all", 15_000, () => Promise.resolve(got.length === 2 * runs ? true : undefined));
  const { body } = await server.call("GET", `${silentPath}/deliveries?limit=100`);
  const tries = (body["data"] as { tries: unknown[] }[]).flatMap((one) => one.tries);
  expect(tries, "none of its tries has ended yet").toEqual([]);
  expect(silent).toBeGreaterThan(0);
  expect(silent).toBeLessThan(10);
}, 40_000);

const tagOf = async (path: string): Promise<string> => (await server.call("GET", path)).headers.get("etag") ?? "";
const change = async (path: string, body: object, tag?: string): Promise<Answer> =>
  server.call("PATCH", path, body, { "if-match": tag ?? (await tagOf(path)) });

test("an endpoint is changed field by field, of two editors one is refused, and its secret stays", async () => {
  const path = await made({ types: ["run.started"], description: "ops" });
  const tag = await tagOf(path);
  const both = await Promise.all([
    change(path, { types: ["run.succeeded"] }, tag),
    change(path, { description: "board" }, tag),
  ]);
  expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412]);
  expect(both.find(({ status }) => status === 412)?.headers.get("etag")).toBe(await tagOf(path));
  await change(path, { types: ["run.succeeded"], description: "board", workflows: ["job"] });
  expect((await server.call("GET", path)).body).toMatchObject({
    types: ["run.succeeded"],
    description: "board",
    workflows: ["job"],
    url: `http://${host}/hook`,
    format: "standard",
  });
  await run();
  expect(await received(1)).toMatchObject([{ type: "run.succeeded", isSigned: true }]);
  expect(await server.call("PATCH", path, { types: ["run.failed"] })).toMatchObject({ status: 428 });
  expect(await change(path, { url: "http://10.0.0.1/" })).toMatchObject({
    status: 422,
    body: { code: "egress_denied" },
  });
  expect(await change(path, { secret: "x" })).toMatchObject({ status: 400 });
  const trail = await server.call("GET", `${P}/audit?action=webhooks:write&limit=1`);
  expect(trail.body).toMatchObject({
    data: [{ detail: { changed: ["description", "types", "workflows"], enabled: true } }],
  });
});

test("an endpoint that is switched off is sent nothing, and a failure of its receiver is no edit", async () => {
  const path = await made({ types: ["run.succeeded"] });
  answers = [{ status: 500 }];
  const tag = await tagOf(path);
  await run();
  await received(1);
  await until("it is failing", 10_000, async () =>
    (await listed()).some(({ state }) => state === "failing") ? true : undefined,
  );
  expect(await tagOf(path)).toBe(tag);
  expect((await change(path, { enabled: false }, tag)).body).toMatchObject({ state: "disabled" });
  await run();
  expect((await change(path, { enabled: true })).body).toMatchObject({ state: "active" });
  await dueNow();
  // The one that waited comes, under its id; what happened meanwhile is not told.
  const [first, second] = await received(2);
  expect(second?.id).toBe(first?.id);
  expect(await messages(path)).toHaveLength(1);
});

test("deploys, ends of backfills and drained agents are told, each to those that want it", async () => {
  await made({ types: ["workflow.deployed", "backfill.finished", "agent.drained"] });
  await made({ types: ["workflow.deployed", "agent.drained"], workflows: ["job"] });
  secrets = [];
  await server.deploy("version: 1\nname: told\ntasks: { a: { wait: 2ms } }\n");
  // The same again is no other version.
  await server.deploy("version: 1\nname: told\ntasks: { a: { wait: 2ms } }\n");
  expect(await server.call("POST", `${P}/backfills`, { workflow: "told", values: [{}, {}] })).toMatchObject({
    status: 202,
  });
  await owner.query(`
    WITH pool AS (SELECT project_id, id FROM pools LIMIT 1)
    INSERT INTO agents (project_id, id, pool_id, name, state, key_thumbprint, identity_key, slots)
    SELECT project_id, gen_random_uuid(), id, 'one', 'draining', 'endpoint-test', '{}', 4 FROM pool`);
  const { rows } = await owner.query<{ project_id: string; id: string }>("SELECT project_id, id FROM agents");
  const [agent] = rows;
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  const moved = await moveAgentState(
    pool,
    { projectId: agent?.project_id ?? "", agentId: agent?.id ?? "" },
    { from: ["draining"], to: "drained" },
  );
  await pool.end();
  expect(moved).toBe(true);
  const found = await received(3);
  expect(found.map(({ type }) => type).toSorted()).toEqual(["agent.drained", "backfill.finished", "workflow.deployed"]);
});

test("as a CloudEvent the same arrives, signed alike", async () => {
  await made({ types: ["run.succeeded"], format: "cloudevents" });
  await run();
  expect(await received(1)).toMatchObject([{ type: "dev.capstan.run.succeeded.v1", isSigned: true }]);
});
