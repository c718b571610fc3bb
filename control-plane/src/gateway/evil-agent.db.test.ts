// An agent with a valid key says everything that an agent can say, about work that is not its own: nothing changes, and
// whether the thing exists is not told.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import {
  agentPaths,
  idFromUuid,
  uuidV7,
  type AgentBody,
  type AgentFrameType,
  type AttemptId,
  type ControlFrameType,
  type EnrolAnswer,
  type NonceAnswer,
} from "@capstan/proto";
import { randomBytes } from "node:crypto";
import { cloneDatabase } from "../../../test/support/database.ts";
import { readConfig } from "../config.ts";
import { startServer } from "../server.ts";
import {
  AgentClient,
  assertion,
  enrolRequest,
  heartbeat,
  hello,
  testKey,
  type TestKey,
} from "../testing/agent-client.ts";

const folder = mkdtempSync(path.join(tmpdir(), "capstan-evil-"));
const database = await cloneDatabase();
const server = await startServer({
  config: readConfig({
    CAPSTAN_DATABASE_URL: database.url,
    CAPSTAN_HTTP__PORT: "0",
    CAPSTAN_DATA_DIR: folder,
    CAPSTAN_CONSOLE__URL: "http://127.0.0.1:9",
  }),
  log: pino({ level: "silent" }),
  version: "0.0.0",
  signal: new AbortController().signal,
});
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await server.close();
  await owner.end();
  rmSync(folder, { recursive: true, force: true });
});

const token = readFileSync(path.join(folder, "keys", "local"), "utf8");
const newId = (): string => uuidV7(Date.now(), randomBytes(10));
const otherProject = newId();
await owner.query("INSERT INTO projects (id, name) VALUES ($1, 'other')", [otherProject]);
await owner.query("INSERT INTO pools (project_id, id, name) VALUES ($1, $2, 'default')", [otherProject, newId()]);

async function call<T>(method: string, target: string, body?: unknown): Promise<T> {
  const answer = await fetch(server.url + target, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${target}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T; // the caller knows the route
}

interface Enrolled {
  readonly key: TestKey;
  readonly answer: EnrolAnswer;
  connectNo: number;
}
const nonce = async (): Promise<NonceAnswer> => {
  const answer = await fetch(server.url + agentPaths.nonce);
  return (await answer.json()) as NonceAnswer; // by the route
};

async function enrol(project: string, name: string): Promise<Enrolled> {
  const made = await call<{ token: string }>("POST", `/api/v1/projects/${project}/pools/default/join-tokens`, {});
  const key = testKey("Ed25519");
  const request = enrolRequest(key, made.token, (await nonce()).nonce, server.url, name);
  const answer = await fetch(server.url + agentPaths.enrol, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  expect(answer.status).toBeLessThan(300);
  return { key, answer: (await answer.json()) as EnrolAnswer, connectNo: 0 }; // by the route
}

async function connect(agent: Enrolled): Promise<AgentClient> {
  const audience = server.url + agentPaths.socket;
  const client = new AgentClient(server.url, assertion(agent.key, agent.answer.agent, await nonce(), audience));
  await client.open();
  return client;
}

async function live(agent: Enrolled, more: Partial<AgentBody<"hello">> = {}): Promise<AgentClient> {
  const client = await connect(agent);
  client.send("hello", hello(agent.answer.agent, ++agent.connectNo, more));
  await client.next("welcome");
  client.send("ready", { abandoned: [] });
  client.send("heartbeat", heartbeat(1, { free: more.free ?? 4 }));
  await client.next("heartbeat.ack");
  return client;
}

const victim = await enrol("default", "victim");
const stranger = await enrol("other", "stranger");
const neighbour = await enrol("default", "neighbour");

const source = "version: 1\nname: secret\ntasks:\n  only: { run: 'true' }\n";
await call("POST", "/api/v1/projects/default/deploys", { documents: [{ file: "secret.yaml", source }] });
const victimClient = await live(victim);
const run = await call<{ id: string; digest: string }>("POST", "/api/v1/projects/default/workflows/secret/runs", {});
const [offered] = (await victimClient.next("offer")).attempts;
if (offered === undefined) throw new Error("an empty offer");
const { attempt, epoch } = offered;
victimClient.send("report", { items: [{ kind: "started", attempt, epoch, atMs: 1 }], free: 3, offers: 1 });
await victimClient.next("report.ack");
victimClient.log(attempt, epoch, 0, "s0 @1000\no1 first\n");
await victimClient.next("log.ack");

const tables = [
  "runs",
  "task_runs",
  "attempts",
  "live_attempts",
  "run_events",
  "log_streams",
  "log_segments",
  "timers",
  "task_queue",
  "lanes",
  "workflows",
  "workflow_versions",
  "files",
  "bundles",
];
/** Every row of the victim's project that an attack could touch. */
async function rows(): Promise<string> {
  const all: unknown[] = [];
  for (const table of tables) {
    const found = await owner.query(`SELECT md5(t::text) AS row FROM ${table} t WHERE project_id <> $1 ORDER BY 1`, [
      otherProject,
    ]);
    all.push([table, found.rows]);
  }
  return JSON.stringify(all);
}

const finish = { kind: "finish" as const, attempt, epoch, outcome: "succeeded" as const };
const log = { bytes: 0, sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", gaps: 0 };
const report = (...items: AgentBody<"report">["items"]): [AgentFrameType, unknown] => [
  "report",
  { items, free: 4, offers: 0 },
];

/** A frame, and the type of the answer that shows it was handled. */
const attacks: readonly [string, [AgentFrameType, unknown], ControlFrameType][] = [
  [
    "a refusal",
    report({ kind: "reject", attempt, epoch, reason: "policy_denied", detail: "", elsewhere: true }),
    "error",
  ],
  [
    "a final refusal",
    report({ kind: "reject", attempt, epoch, reason: "spec_invalid", detail: "", elsewhere: false }),
    "error",
  ],
  ["a start", report({ kind: "started", attempt, epoch, atMs: 1 }), "error"],
  ["an event", report({ kind: "event", attempt, epoch, seq: 1, atMs: 1, type: "note", body: { text: "x" } }), "error"],
  ["a success", report(finish), "error"],
  ["a success with outputs and a log", report({ ...finish, outputs: { x: 1 }, log }), "error"],
  ["a loss", report({ ...finish, outcome: "lost", cause: "runner_lost" }), "error"],
  ["a higher epoch", report({ ...finish, epoch: epoch + 1 }), "error"],
  ["an acknowledged cancel", ["cancel.ack", { attempt, epoch, phase: "finished" }], "heartbeat.ack"],
  ["a claim to hold it", ["heartbeat", heartbeat(3, { held: [[attempt, epoch]] })], "heartbeat.ack"],
  ["a question whether it is current", ["confirm", { n: 3, attempts: [[attempt, epoch]] }], "confirm.ack"],
  ["giving it back", ["bye", { keep: false, released: [[attempt, epoch]] }], "bye.ack"],
];

/** What the answer to a frame says: not yours. */
const wantedOf = (t: AgentFrameType): object => {
  if (t === "report") return { code: "protocol_error" };
  if (t === "confirm") return { current: [], unknown: [[attempt, epoch]] };
  return t === "heartbeat" ? { unknown: [[attempt, epoch]] } : {};
};

async function attack(
  client: AgentClient,
  [t, body]: [AgentFrameType, unknown],
  answer: ControlFrameType,
): Promise<unknown> {
  client.frames.splice(0);
  client.send(t, body as AgentBody<typeof t>); // each row is a body of its type
  if (t === "cancel.ack") client.send("heartbeat", heartbeat(3));
  return client.next(answer);
}

test.each(attacks)("%s by an agent of another project changes nothing", async (_, frame, answer) => {
  const before = await rows();
  const client = await live(stranger);
  const told = await attack(client, frame, answer);
  expect(told).toMatchObject(wantedOf(frame[0]));
  expect(await rows()).toBe(before);
  client.socket.terminate();
  await client.end();
});

test.each(attacks)("%s by another agent of the project changes nothing", async (_, frame, answer) => {
  const before = await rows();
  // It has no slot, so that the attempt is not offered to it by rights.
  const client = await live(neighbour, { slots: 0, free: 0 });
  const body =
    typeof frame[1] === "object" && frame[1] !== null && "free" in frame[1] ? { ...frame[1], free: 0 } : frame[1];
  client.frames.splice(0);
  client.send(frame[0], body as AgentBody<(typeof frame)[0]>); // as above
  if (frame[0] === "cancel.ack") client.send("heartbeat", heartbeat(3, { free: 0 }));
  const told = await client.until("an answer", () =>
    client.frames.find((one) => one.t === answer || one.t === "report.ack"),
  );
  expect(told.b).toMatchObject(wantedOf(frame[0]));
  expect(await rows()).toBe(before);
  client.socket.terminate();
  await client.end();
});

test("the answer about another project's attempt is that about one that never was", async () => {
  const client = await live(stranger);
  const never = idFromUuid("att", newId()) as AttemptId; // by its prefix
  const real = await attack(client, report(finish), "error");
  const made = await attack(client, report({ ...finish, attempt: never }), "error");
  expect(made).toEqual(real);
  await attack(client, report(finish), "error");
  expect((await client.end()).code).toBe(4400);
});

test("a log for another's attempt is not stored, at any offset", async () => {
  const before = await rows();
  for (const agent of [stranger, neighbour]) {
    const client = await live(agent, { slots: 0, free: 0 });
    client.log(attempt, epoch, 0, "s0 @1000\no1 evil\n");
    client.log(attempt, epoch, 19, "o1 evil\n");
    client.log(attempt, epoch, 19, "", { last: true });
    await client.until("the close", () => client.closed);
    expect(client.closed?.code).toBe(4400);
  }
  expect(await rows()).toBe(before);
});

test("an inventory with another's attempt is told to abandon it, and takes nothing over", async () => {
  const before = await rows();
  for (const phase of ["taken", "running", "stopping"] as const) {
    const client = await connect(stranger);
    const inventory = [{ attempt, epoch, phase, eventSeq: 0, producedBytes: 0 }];
    client.send("hello", hello(stranger.answer.agent, ++stranger.connectNo, { inventory }));
    expect((await client.next("welcome")).verdicts).toMatchObject([{ attempt, epoch, do: "abandon", logBytes: 0 }]);
    client.socket.terminate();
    await client.end();
  }
  expect(await rows()).toBe(before);
});

test("a hello in another agent's name is refused, and the victim's session goes on", async () => {
  const client = await connect(stranger);
  client.send("hello", hello(victim.answer.agent, 99));
  expect((await client.end()).code).toBe(4400);
  victimClient.send("heartbeat", heartbeat(2, { held: [[attempt, epoch]], offers: 1, free: 3 }));
  expect((await victimClient.next("heartbeat.ack")).unknown).toEqual([]);
});

test("versions, bundles and files of another project are not there", async () => {
  const get = async (agent: Enrolled, target: string): Promise<number> => {
    const bearer = assertion(agent.key, agent.answer.agent, await nonce(), server.url + target);
    const answer = await fetch(server.url + target, {
      headers: { authorization: `Bearer ${bearer}`, "x-capstan-attempt": attempt },
    });
    return answer.status;
  };
  expect(await get(victim, agentPaths.spec(run.digest))).toBe(200);
  expect(await get(stranger, agentPaths.spec(run.digest))).toBe(404);
  expect(await get(stranger, agentPaths.bundle("a".repeat(64)))).toBe(404);
  expect([403, 404]).toContain(await get(stranger, agentPaths.file("a".repeat(64))));
});

test("each such frame is kept as a security event of the project whose agent sent it", async () => {
  const found = await owner.query<{ project_id: string; frame: string; agent: string }>(
    "SELECT DISTINCT project_id, evidence ->> 'frame' AS frame, evidence ->> 'agent' AS agent FROM security_events WHERE kind = 'foreign_attempt'",
  );
  const strangers = found.rows.filter((row) => row.project_id === otherProject);
  expect(new Set(strangers.map((row) => row.frame))).toEqual(new Set(["report", "log"]));
  expect(new Set(strangers.map((row) => row.agent))).toEqual(new Set([stranger.answer.agent]));
});

test("after all that the victim ends its attempt as if nothing had been", async () => {
  victimClient.send("report", { items: [finish], free: 4, offers: 1 });
  expect((await victimClient.next("report.ack")).items).toMatchObject([{ attempt, epoch, result: "accepted" }]);
  const ended = await call<{ state: string }>("GET", `/api/v1/projects/default/runs/${run.id}`);
  expect(ended.state).toBe("succeeded");
});
