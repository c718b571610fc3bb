import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import pino from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { WebSocket } from "ws";
import { agentPaths, uuidFromId, type AttemptId, type CanonicalWorkflow, type EnrolAnswer } from "@capstan/proto";
import { cloneDatabase } from "../../../test/support/database.ts";
import { AgentAdmission } from "../agent/agent-admission.ts";
import { AgentService } from "../agent/agent.service.ts";
import { EnrolService } from "../agent/enrol.service.ts";
import { AgentCredentials } from "../auth/agent-credential.ts";
import { CommitLoop } from "../commit/commit-loop.ts";
import { LiveIndex } from "../commit/live-index.ts";
import { ColdReads } from "../database/cold-reads.ts";
import { isUnavailable } from "../database/pool.ts";
import { PgAgentStore } from "../database/store/agent-store.ts";
import { PgJoinTokenStore } from "../database/store/join-token-store.ts";
import { PgLogReadStore } from "../database/store/log-read-store.ts";
import { PgLogStore } from "../database/store/log-store.ts";
import { PgInventoryStore } from "../database/store/session-store.ts";
import { DatabaseClock } from "../dispatch/database-clock.ts";
import { DispatchLoop } from "../dispatch/dispatch-loop.ts";
import { LeaseRenewals } from "../dispatch/lease-loop.ts";
import { LogReader } from "../log/log-reader.ts";
import { LogWatch } from "../log/log-watch.ts";
import { ReportService } from "../result/report.service.ts";
import {
  AgentClient,
  assertion,
  enrolRequest,
  heartbeat,
  hello,
  testKey,
  type TestKey,
} from "../testing/agent-client.ts";
import { commitFixture, newId } from "../testing/commit-fixture.ts";
import type { AgentIdentity } from "./agent-identity.ts";
import { makeAgentSide } from "./agent-side.ts";
import { AgentGateway } from "./agent.gateway.ts";
import { SessionRegistry } from "./session-registry.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { pools, projectId, store, dispatchStore, backlog, signals } = fixture;
const log = pino({ level: "silent" });
const registry = new SessionRegistry();
const live = new LiveIndex();
const commit = new CommitLoop(
  { store, sessions: registry, backlog, clock: new DatabaseClock(await dispatchStore.tick()), live, signals, log },
  { publicUrl: () => "http://127.0.0.1:7420", newId, isUnavailable },
);
const dispatch = new DispatchLoop({ store: dispatchStore, commit, sessions: registry, backlog, log });
const cold = new ColdReads(database);
const agents = new PgAgentStore(pools.engine, pools.api, cold);
const joinTokens = new PgJoinTokenStore(pools.api, cold);
const sealKey = randomBytes(32);
const credentials = new AgentCredentials(sealKey);
const inventories = new PgInventoryStore(pools.engine);
const http = createServer();
let origin = "";
const side = makeAgentSide({
  agents,
  inventories,
  logs: new PgLogStore(pools.engine),
  logReads: new PgLogReadStore(pools.api),
  sessions: registry,
  commit,
  reports: new ReportService(commit, store, live),
  leases: new LeaseRenewals(dispatchStore),
  joinTokens,
  sealKey,
  site: { url: () => origin, origins: { publicUrl: undefined } },
  isUnavailable,
  log,
});
const gateway = new AgentGateway(side.parts);
const admission = new AgentAdmission(agents, credentials, () => origin);
const enrolments = new EnrolService(agents, credentials, admission);
const people = new AgentService({
  agents,
  joinTokens,
  credentials,
  inventory: side.parts.services.inventory,
});
const project = { id: projectId, name: "test", role: "project_admin" } as const;

beforeAll(async () => {
  const server = side.adapter(http).create();
  server.on("connection", (socket: WebSocket, request: IncomingMessage, identity: AgentIdentity) =>
    gateway.handleConnection(socket, request, identity),
  );
  dispatch.loop.start();
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`; // a TCP server has an address object
});
afterAll(async () => {
  gateway.stop();
  await dispatch.loop.stop();
  http.close();
  await cold.close();
  await pools.close();
});

interface Enrolled {
  readonly key: TestKey;
  readonly answer: EnrolAnswer;
}

async function enrolAgent(name = `a${randomBytes(4).toString("hex")}`): Promise<Enrolled> {
  const { value: made } = await people.makeToken(project, "default", {}, "local");
  const key = testKey("Ed25519");
  const nonce = await enrolments.nonce();
  return { key, answer: await enrolments.enrol(enrolRequest(key, made.token, nonce.nonce, origin, name), "127.0.0.1") };
}

async function connect({ key, answer }: Enrolled): Promise<AgentClient> {
  const client = new AgentClient(
    origin,
    assertion(key, answer.agent, await enrolments.nonce(), origin + agentPaths.socket),
  );
  await client.open();
  return client;
}

async function live4(agent: Enrolled, connectNo = 1): Promise<AgentClient> {
  const client = await connect(agent);
  client.send("hello", hello(agent.answer.agent, connectNo));
  await client.next("welcome");
  client.send("ready", { abandoned: [] });
  client.send("heartbeat", heartbeat(1));
  await client.next("heartbeat.ack");
  return client;
}

const script = { action: { run: { script: "true" } }, needs: [] };
const single: CanonicalWorkflow = { version: 1, name: `w${randomBytes(4).toString("hex")}`, tasks: { only: script } };
const edition = await fixture.deploy(single);
const startRun = () => commit.start({ edition, inputs: {}, labels: {}, trigger: { kind: "test" } });
const runState = async (runId: string): Promise<string> =>
  (await pools.engine.query<{ state: string }>("SELECT state FROM runs WHERE id = $1", [runId])).rows[0]?.state ??
  "none";

test("a join token enrols once, and the same key again is the same agent", async () => {
  const { value: made } = await people.makeToken(project, "default", { labels: { zone: "lab" } }, "local");
  const key = testKey("Ed25519");
  const request = enrolRequest(key, made.token, (await enrolments.nonce()).nonce, origin, "twice");
  const first = await enrolments.enrol(request, "127.0.0.1");
  expect(first.labels).toEqual({ zone: "lab" });
  expect((await enrolments.enrol(request, "127.0.0.1")).agent).toBe(first.agent);
  const other = enrolRequest(testKey("Ed25519"), made.token, (await enrolments.nonce()).nonce, origin, "other");
  await expect(enrolments.enrol(other, "127.0.0.1")).rejects.toMatchObject({ code: "join_token_invalid" });
});

test("a wrong MAC, a foreign network and a taken name are refused", async () => {
  const { value: made } = await people.makeToken(project, "default", { cidr: "10.0.0.0/8", uses: 5 }, "local");
  const request = async (name: string) =>
    enrolRequest(testKey("Ed25519"), made.token, (await enrolments.nonce()).nonce, origin, name);
  await expect(enrolments.enrol(await request("far"), "192.168.0.1")).rejects.toMatchObject({
    code: "join_token_cidr",
  });
  const forged = { ...(await request("forged")), mac: "A".repeat(43) };
  await expect(enrolments.enrol(forged, "10.0.0.1")).rejects.toMatchObject({ code: "join_token_invalid" });
  await enrolments.enrol(await request("taken"), "10.0.0.1");
  await expect(enrolments.enrol(await request("taken"), "10.0.0.1")).rejects.toMatchObject({
    code: "agent_name_taken",
  });
});

test("the name of an agent that was revoked is free, and means the one that has it now", async () => {
  const { value: made } = await people.makeToken(project, "default", { uses: 5 }, "local");
  const enrol = async () =>
    enrolments.enrol(
      enrolRequest(testKey("Ed25519"), made.token, (await enrolments.nonce()).nonce, origin, "again"),
      "10.0.0.1",
    );
  const first = await enrol();
  await expect(enrol()).rejects.toMatchObject({ code: "agent_name_taken" });
  await people.revoke(project, "again", "a test", "local");
  const second = await enrol();
  expect(second.agent).not.toBe(first.agent);
  expect((await people.show(project, "again")).id).toBe(second.agent);
  expect((await people.show(project, first.agent)).state).toBe("revoked");
});

test("the upgrade is refused without an assertion, with a used one, and with any Origin", async () => {
  const agent = await enrolAgent();
  const bearer = assertion(agent.key, agent.answer.agent, await enrolments.nonce(), origin + agentPaths.socket);
  const first = new AgentClient(origin, bearer);
  await first.open();
  const refusal = (client: AgentClient) => client.until("the refusal", () => client.refused);
  expect(await refusal(new AgentClient(origin, bearer))).toBe(401);
  expect(await refusal(new AgentClient(origin, "nothing"))).toBe(401);
  const fresh = assertion(agent.key, agent.answer.agent, await enrolments.nonce(), origin + agentPaths.socket);
  expect(await refusal(new AgentClient(origin, fresh, { origin }))).toBe(403);
  const elsewhere = assertion(
    agent.key,
    agent.answer.agent,
    await enrolments.nonce(),
    "http://other.example/agent/v1/socket",
  );
  expect(await refusal(new AgentClient(origin, elsewhere))).toBe(401);
  first.socket.terminate();
});

test("an offer follows ready, its result ends the run, and a repeated report is a duplicate", async () => {
  const client = await live4(await enrolAgent());
  const outcome = await startRun();
  if (outcome.kind !== "started") throw new Error(outcome.kind);
  const [offered] = (await client.next("offer")).attempts;
  if (offered === undefined) throw new Error("an empty offer");
  expect(offered).toMatchObject({ seq: 1, task: "only" });
  const { attempt, epoch } = offered;
  const report = {
    items: [{ kind: "finish" as const, attempt, epoch, outcome: "succeeded" as const }],
    free: 4,
    offers: 1,
  };
  client.send("report", report);
  expect((await client.next("report.ack")).items).toEqual([{ attempt, epoch, kind: "finish", result: "accepted" }]);
  expect(await runState(outcome.runId)).toBe("succeeded");
  client.send("report", report);
  expect((await client.next("report.ack")).items[0]?.result).not.toBe("accepted");
  const ends = await pools.engine.query("SELECT items FROM run_events WHERE run_id = $1", [outcome.runId]);
  const items: { type: string }[] = ends.rows.flatMap((row) => row.items);
  expect(items.filter((item) => item.type === "task.succeeded")).toHaveLength(1);
  client.socket.terminate();
  await client.end();
});

test("an older connection number is refused, and a newer session closes the older one", async () => {
  const agent = await enrolAgent();
  const older = await live4(agent, 5);
  const stale = await connect(agent);
  stale.send("hello", hello(agent.answer.agent, 5));
  expect(await stale.next("error")).toMatchObject({ code: "hello_stale", last: 5 });
  expect((await stale.end()).code).toBe(1012);
  const newer = await live4(agent, 6);
  expect((await older.end()).code).toBe(4409);
  newer.socket.terminate();
  await newer.end();
});

test("another host with the same identity is kept out", async () => {
  const agent = await enrolAgent();
  const first = await live4(agent);
  const clone = await connect(agent);
  const said = hello(agent.answer.agent, 9);
  clone.send("hello", { ...said, host: { ...said.host, fingerprint: "host-2" } });
  expect((await clone.end()).code).toBe(4423);
  first.socket.terminate();
  await first.end();
});

test("an attempt that the agent does not hold is taken back, and one that it must not hold is told", async () => {
  const agent = await enrolAgent();
  const client = await live4(agent);
  const outcome = await startRun();
  if (outcome.kind !== "started") throw new Error(outcome.kind);
  const [first] = (await client.next("offer")).attempts;
  if (first === undefined) throw new Error("an empty offer");
  client.send("heartbeat", heartbeat(2, { offers: 1, held: [], free: 4 }));
  const [second] = (await client.next("offer")).attempts;
  if (second === undefined) throw new Error("an empty offer");
  expect(second.epoch).toBeGreaterThan(first.epoch);
  client.frames.length = 0;
  client.send(
    "heartbeat",
    heartbeat(3, {
      offers: 2,
      held: [
        [first.attempt, first.epoch],
        [second.attempt, second.epoch],
      ],
      free: 3,
    }),
  );
  const ack = await client.until("the answer", () =>
    client.frames.find((frame) => frame.t === "heartbeat.ack" && frame.b.n === 3),
  );
  expect(ack.b).toMatchObject({ unknown: [[first.attempt, first.epoch]] });
  client.send("report", {
    items: [{ kind: "finish", attempt: second.attempt, epoch: second.epoch, outcome: "succeeded" }],
    free: 4,
    offers: 2,
  });
  await client.next("report.ack");
  // Its log may still be on its way: the agent holds it until then, and must not be told to forget it.
  client.frames.length = 0;
  client.send("heartbeat", heartbeat(4, { offers: 2, held: [[second.attempt, second.epoch]], free: 4 }));
  const after = await client.until("the answer", () =>
    client.frames.find((frame) => frame.t === "heartbeat.ack" && frame.b.n === 4),
  );
  expect(after.b).toMatchObject({ unknown: [] });
  client.socket.terminate();
  await client.end();
});

test("a log is stored once whatever is repeated, cut or corrupt, and is complete when its digest is right", async () => {
  const client = await live4(await enrolAgent());
  const outcome = await startRun();
  if (outcome.kind !== "started") throw new Error(outcome.kind);
  const [offered] = (await client.next("offer")).attempts;
  if (offered === undefined) throw new Error("an empty offer");
  const { attempt, epoch } = offered;
  const one = "s0 @1700000000000\no0 hello\n";
  const two = "s0 @1700000001000\noa world\nEb no newline\n";
  client.log(attempt, epoch, 0, one);
  expect(await client.next("log.ack")).toMatchObject({ attempt, bytes: one.length });
  client.log(attempt, epoch, 0, one);
  expect(await client.next("log.ack")).toMatchObject({ bytes: one.length });
  client.log(attempt, epoch, one.length + 10, two);
  expect(await client.next("log.nack")).toMatchObject({ expect: one.length, reason: "gap" });
  client.log(attempt, epoch, one.length, two, { corrupt: true });
  expect(await client.next("log.nack")).toMatchObject({ expect: one.length, reason: "corrupt" });
  client.log(attempt, epoch, one.length, two);
  const bytes = one.length + two.length;
  expect(await client.next("log.ack")).toMatchObject({ bytes });
  client.log(attempt, epoch, bytes, "", { last: true });
  const sha256 = createHash("sha256")
    .update(one + two)
    .digest("hex");
  client.send("report", {
    items: [{ kind: "finish", attempt, epoch, outcome: "succeeded", log: { bytes, sha256, gaps: 0 } }],
    free: 4,
    offers: 1,
  });
  expect(
    await client.until("the end", () =>
      client.frames.find((frame) => frame.t === "log.ack" && frame.b.complete === true),
    ),
  ).toBeDefined();

  const reader = new LogReader(new PgLogReadStore(pools.api), new LogWatch());
  const run = await reader.run(project, offered.runName);
  const [stream] = await reader.streams(project, run, "only", undefined);
  if (stream === undefined) throw new Error("no stream");
  expect(stream).toMatchObject({ bytes, lines: 3, state: "complete", sha256 });
  const lines = await reader.lines(project, stream, 1, 10);
  expect(lines.map((line) => [line.line, line.stream, line.text])).toEqual([
    [1, "stdout", "world"],
    [2, "stderr", "no newline"],
  ]);
  expect(lines[0]?.at).toBe(new Date(1700000001010).toISOString());
  client.socket.terminate();
  await client.end();
});

test("a log for an attempt of another agent is refused like one that does not exist", async () => {
  const client = await live4(await enrolAgent());
  const foreign = `att_${"0".repeat(25)}1` as AttemptId; // well-formed and nobody's
  expect(uuidFromId("att", foreign)).toBeDefined();
  client.log(foreign, 1_000_001, 0, "s0 @1\no0 x\n");
  expect(await client.next("error")).toMatchObject({ code: "protocol_error" });
  client.socket.terminate();
  await client.end();
});

test("frames that break the contract close the connection and change nothing", async () => {
  const agent = await enrolAgent();
  const early = await connect(agent);
  early.send("ask", { free: 1, offers: 0 });
  expect((await early.end()).code).toBe(4400);
  const skipping = await live4(agent);
  skipping.socket.send(JSON.stringify({ t: "ask", id: 99, b: { free: 1, offers: 0 } }));
  expect((await skipping.end()).code).toBe(4400);
});

test("a revoked agent is off, and what it held is lost at once", async () => {
  const agent = await enrolAgent();
  const client = await live4(agent);
  await people.revoke(project, agent.answer.agent, "local", "gone");
  await gateway.readStates();
  expect((await client.end()).code).toBe(4401);
  const again = new AgentClient(
    origin,
    assertion(agent.key, agent.answer.agent, await enrolments.nonce(), origin + agentPaths.socket),
  );
  expect(await again.until("the refusal", () => again.refused)).toBe(403);
});

test("an agent that waits for approval is let in by a person, and comes back with labels that are pinned on it", async () => {
  const made = await people.makeToken(
    project,
    "default",
    { approve: true, labels: { zone: "lab", gpu: "none" } },
    "local",
  );
  const key = testKey("Ed25519");
  const { nonce } = await enrolments.nonce();
  const agent = {
    key,
    answer: await enrolments.enrol(enrolRequest(key, made.value.token, nonce, origin, "waits"), "127.0.0.1"),
  };
  const early = new AgentClient(
    origin,
    assertion(key, agent.answer.agent, await enrolments.nonce(), origin + agentPaths.socket),
  );
  expect(await early.until("the refusal", () => early.refused)).toBe(403);
  for (let n = 0; n < 2; n++)
    expect(await people.approve(project, "waits", "local")).toMatchObject({ name: "waits", state: "active" });
  const client = await live4(agent);
  await gateway.readStates();
  const view = await people.relabel(project, "waits", { labels: { zone: "roof", gpu: null } }, "local");
  expect(view).toMatchObject({ labels: { zone: "roof" }, labelSources: { zone: "pinned" } });
  expect(view.labels).not.toHaveProperty("gpu");
  await gateway.readStates();
  expect((await client.end()).code).toBe(1012);
  const again = await connect(agent);
  again.send("hello", hello(agent.answer.agent, 2));
  expect(await again.next("welcome")).toMatchObject({ labels: { zone: "roof" } });
  await people.revoke(project, "waits", "local", "");
  await expect(people.relabel(project, "waits", { labels: { a: "b" } }, "local")).rejects.toMatchObject({
    code: "state_conflict",
  });
});
