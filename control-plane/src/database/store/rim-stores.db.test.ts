import { createHash, randomBytes } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { uuidV7 } from "@capstan/proto";
import { cloneDatabase } from "../../../../test/support/database.ts";
import { until } from "../../../../test/support/until.ts";
import { auditText, firstPrevious } from "@capstan/proto";
import { hashToken, makeToken } from "../../auth/opaque-token.ts";
import type { NewDeploy } from "../../workflow/workflow.store.ts";
import { ensureDefaults } from "../bootstrap.ts";
import { ColdReads } from "../cold-reads.ts";
import { createPools, withProject } from "../pool.ts";
import { PgAudit } from "./audit.store.ts";
import { PgAuthStore } from "./auth.store.ts";
import { PgEventLog } from "./event-log.ts";
import { PgRunStore } from "./run.store.ts";
import { PgWorkflowStore } from "./workflow.store.ts";

const database = await cloneDatabase();
const pools = createPools(database);
const cold = new ColdReads(database);
afterAll(() => Promise.all([cold.close(), pools.close()]));
await Promise.all([ensureDefaults(database.url, pools.api), ensureDefaults(database.url, pools.api)]);
const auth = new PgAuthStore(pools.auth);
const workflows = new PgWorkflowStore(pools.api, cold);
const project = await auth.project("default");
if (project === undefined) throw new Error("no default project");

const newId = (): string => uuidV7(Date.now(), randomBytes(10));
const deployOf = (part: Partial<NewDeploy> & { readonly canonical?: string } = {}): NewDeploy => {
  const canonical = part.canonical ?? '{"name":"hello","tasks":{},"version":1}';
  return {
    id: newId(),
    actor: "local",
    message: undefined,
    idempotency: undefined,
    versions: [
      {
        name: "hello",
        digest: `sha256:${createHash("sha256").update(canonical).digest("hex")}`,
        canonical,
        source: "",
        sourceFile: "hello.yaml",
        bundleSha256: undefined,
      },
    ],
    pruned: [],
    answer: () => ({ workflows: [], pruned: [] }),
    ...part,
  };
};

test("two replicas that start together make one project, pool and user", async () => {
  expect(await auth.projects()).toHaveLength(1);
  expect(await auth.localUser()).toMatchObject({ name: "local", systemAdmin: true });
  const made = await withProject(pools.api, project.id, (client) => client.query("SELECT name FROM pools"));
  expect(made.rows).toEqual([{ name: "default" }]);
});

test("a sign-in link works once, however many try at the same time", async () => {
  const user = await auth.localUser();
  if (user === undefined) throw new Error("no user");
  const link = hashToken(makeToken("link").text);
  await auth.createLink(link, user.id, 60_000);
  const hashes = Array.from({ length: 8 }, () => hashToken(makeToken("session").text));
  const made = await Promise.all(hashes.map((hash) => auth.exchange(link, hash, 60_000)));
  expect(made.filter((row) => row !== undefined)).toHaveLength(1);
  const session = hashes[made.findIndex((row) => row !== undefined)];
  if (session === undefined) throw new Error("no session");
  expect(await auth.session(session)).toMatchObject({ user: { name: "local" } });
  await auth.endSession(session);
  expect(await auth.session(session)).toBeUndefined();
});

test("a link whose time is over opens nothing", async () => {
  const user = await auth.localUser();
  const link = hashToken(makeToken("link").text);
  await auth.createLink(link, user?.id ?? "", 0);
  expect(await auth.exchange(link, hashToken("x"), 60_000)).toBeUndefined();
});

test("an equal digest is the same version, another one the next, and going back makes the old one active", async () => {
  const other = deployOf({ canonical: '{"name":"hello","tasks":{},"title":"x","version":1}' });
  const numbers: number[] = [];
  for (const deploy of [deployOf(), deployOf(), other, deployOf()]) {
    await workflows.deploy(project.id, {
      ...deploy,
      answer: (found) => (numbers.push(found.get("hello") ?? 0), { workflows: [], pruned: [] }),
    });
  }
  expect(numbers).toEqual([1, 1, 2, 1]);
  expect((await workflows.active(project.id, "hello"))?.number).toBe(1);
  expect(
    (await workflows.versions(project.id, "hello", { limit: 10, before: undefined })).map((one) => one.number),
  ).toEqual([2, 1]);
});

test("a repeated deploy key answers the first deploy, and refuses another body", async () => {
  const idempotency = { caller: "c", key: "k", requestSha256: "1" };
  const first = deployOf({ idempotency });
  const outcomes = await Promise.all(
    [first, deployOf({ idempotency })].map((deploy) => workflows.deploy(project.id, deploy)),
  );
  expect(outcomes.map((one) => one.kind).toSorted()).toEqual(["deployed", "replayed"]);
  const reused = await workflows.deploy(project.id, deployOf({ idempotency: { ...idempotency, requestSha256: "2" } }));
  expect(reused.kind).toBe("key_reused");
});

test("a deploy that fails half way leaves nothing", async () => {
  const before = await workflows.deploys(project.id, { limit: 100, before: undefined });
  const broken = deployOf({
    answer: () => {
      throw new Error("planted");
    },
    canonical: '{"name":"hello","planted":true}',
  });
  await expect(workflows.deploy(project.id, broken)).rejects.toThrow("planted");
  expect(await workflows.deploys(project.id, { limit: 100, before: undefined })).toHaveLength(before.length);
  expect(await workflows.version(project.id, "hello", broken.versions[0]?.digest ?? "")).toBeUndefined();
});

test("another project sees none of it", async () => {
  expect(await workflows.active(newId(), "hello")).toBeUndefined();
  expect(
    await new PgRunStore(pools.api, pools.engine).list(
      newId(),
      {
        states: undefined,
        workflows: undefined,
        labels: undefined,
        createdAfter: undefined,
        createdBefore: undefined,
        text: undefined,
        number: undefined,
        newestFirst: true,
      },
      { limit: 10, after: undefined },
    ),
  ).toEqual([]);
});

test("the audit chain has no gap under concurrency, and each record covers the one before", async () => {
  const audit = new PgAudit(pools.api);
  await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      audit.append(project.id, {
        actor: "local",
        action: "runs:cancel",
        subject: `hello-${i}`,
        detail: { b: 1, a: [{ d: i, c: null }] },
      }),
    ),
  );
  const found = await withProject(pools.api, project.id, (client) =>
    client.query(`SELECT seq::int, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at, actor, action, subject, detail,
      previous_sha256, sha256 FROM audit_records ORDER BY seq`),
  );
  let previous = firstPrevious;
  for (const [index, row] of found.rows.entries()) {
    expect(row.seq).toBe(index + 1);
    expect(row.previous_sha256).toBe(previous);
    expect(
      createHash("sha256")
        .update(previous)
        .update(auditText(row.seq, row.at, row))
        .digest("hex"),
    ).toBe(row.sha256);
    previous = row.sha256;
  }
  expect(found.rows.length).toBeGreaterThanOrEqual(12);
});

test("audit records cannot be changed or removed by the role of requests", async () => {
  for (const statement of ["UPDATE audit_records SET actor = 'x'", "DELETE FROM audit_records"]) {
    await expect(withProject(pools.api, project.id, (client) => client.query(statement))).rejects.toMatchObject({
      code: "42501",
    });
  }
});

test("an event of a transaction that is open holds back those after it, and none is missed", async () => {
  const log = new PgEventLog(pools.engine);
  const edition = await workflows.active(project.id, "hello");
  const runId = newId();
  await pools.engine.query(
    `INSERT INTO runs (project_id, id, workflow_id, workflow_name, number, digest, state, version, event_seq, priority, inputs, labels, trigger, created_at)
     VALUES ($1, $2, $3, 'hello', 1, 'd', 'running', 1, 2, 3, '{}', '{}', '{}', clock_timestamp())`,
    [project.id, runId, edition?.workflowId],
  );
  const insert =
    "INSERT INTO run_events (project_id, run_id, first_seq, at, items) VALUES ($1, $2, $3, clock_timestamp(), '[]')";
  const start = await log.head();
  const slow = await pools.engine.connect();
  try {
    await slow.query("BEGIN");
    await slow.query(insert, [project.id, runId, 1]);
    await pools.engine.query(insert, [project.id, runId, 2]);
    expect((await log.after(start, 10)).filter((row) => row.runId === runId)).toEqual([]);
    await slow.query("COMMIT");
  } finally {
    slow.release();
  }
  // Transactions of other databases of this cluster hold events back too, as long as they are open.
  const found = await until("both events are told", 10_000, async () => {
    const rows = await log.after(start, 10);
    return rows.filter((row) => row.runId === runId).length === 2 ? rows : undefined;
  });
  const last = found.at(-1);
  if (last === undefined) throw new Error("no events");
  expect(await log.after(last.position, 10)).toEqual([]);
  expect(await log.canResume(last.position)).toBe(true);
  expect(await log.canResume({ tx: "999999999999", id: "0" })).toBe(false);
});
