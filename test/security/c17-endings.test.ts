// C17, sessions that outlive their end: what was taken away is gone on every replica within five seconds, and what was open
// is closed.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { pino } from "pino";
import { afterAll, expect, test, vi } from "vitest";
import { agentPaths } from "@capstan/proto";
import { readConfig } from "../../control-plane/src/config.ts";
import { startServer } from "../../control-plane/src/server.ts";
import { assertion } from "../../control-plane/src/testing/agent-client.ts";
import { callerOf } from "../../control-plane/src/testing/server-fixture.ts";
import { cloneDatabase } from "../support/database.ts";
import { Browser } from "../support/identity-provider.ts";
import { until } from "../support/until.ts";
import { enrol, live, made, nonceOf, tokenOf } from "./ground.ts";

vi.setConfig({ testTimeout: 120_000 });
const folder = mkdtempSync(join(tmpdir(), "capstan-endings-"));
const database = await cloneDatabase();
const replica = () =>
  startServer({
    config: readConfig({
      CAPSTAN_DATABASE_URL: database.url,
      CAPSTAN_HTTP__PORT: "0",
      CAPSTAN_DATA_DIR: folder,
      CAPSTAN_CONSOLE__URL: "http://127.0.0.1:9",
      CAPSTAN_LIMITS__SIGN_INS_PER_MINUTE: "0",
      CAPSTAN_LIMITS__SIGN_INS_OF_ACCOUNT_PER_MINUTE: "0",
    }),
    log: pino({ level: "silent" }),
    version: "0.0.0",
    signal: new AbortController().signal,
  });
/** What is taken away is taken at the first; what is open is open at both. */
const first = await replica();
const second = await replica();
const replicas = [first.url, second.url];
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await Promise.all([first.close(), second.close()]);
  await owner.end();
  rmSync(folder, { recursive: true, force: true });
});

const token = readFileSync(join(folder, "keys", "local"), "utf8");
const call = callerOf(first.url, token);
const ground = { server: { url: first.url, token, call, deploy: async () => undefined, close: async () => undefined } };
await made(ground, "POST", "/projects/default/deploys", {
  documents: [{ file: "w.yaml", source: "version: 1\nname: slow\ntasks: { only: { wait: 1h } }\n" }],
});
await made(ground, "POST", "/projects/default/workflows/slow/runs", {});

/** When nothing more comes, by its end or by that of its connection. */
const ended = (answer: Response): Promise<unknown> => answer.text().catch(() => undefined);

/** Changes a member as it was seen last. */
async function change(method: "PUT" | "DELETE", name: string, body?: object): Promise<void> {
  const path = `/projects/default/members/${name}`;
  const etag = (await call("GET", path)).headers.get("etag");
  const { status } = await call(method, path, body, etag === null ? {} : { "if-match": etag });
  if (status >= 300) throw new Error(`${method} ${path}: ${status}`);
}

/** Streams of a caller at both replicas: when each of them ended. */
async function openStreams(
  headers: Readonly<Record<string, string>>,
): Promise<readonly { endedMs: number | undefined }[]> {
  const paths = [
    "events/stream?topics=runs",
    "runs/slow-1/logs?follow=true",
    "runs/slow-1/tasks/only/logs?follow=true",
  ];
  return Promise.all(
    replicas.flatMap((url) =>
      paths.map(async (path) => {
        const answer = await fetch(`${url}/api/v1/projects/default/${path}`, {
          headers: { ...headers, accept: "text/event-stream" },
        });
        expect([answer.status, answer.headers.get("content-type")], path).toEqual([
          200,
          expect.stringContaining("text/event-stream"),
        ]);
        const stream: { endedMs: number | undefined } = { endedMs: undefined };
        void ended(answer).then(() => (stream.endedMs = performance.now()));
        return stream;
      }),
    ),
  );
}

/** How long both replicas go on letting a caller in, and their streams go on, after something was taken away: ms. */
async function lateness(
  headers: Readonly<Record<string, string>>,
  takeAway: () => Promise<unknown>,
  refusal: number,
): Promise<number> {
  const status = async (url: string): Promise<number> =>
    (await fetch(`${url}/api/v1/projects/default/runs`, { headers })).status;
  for (const url of replicas) expect(await status(url)).toBe(200);
  const streams = await openStreams(headers);
  // Asked up to the last moment, so that what is believed is as young as it can be.
  for (const url of replicas) expect(await status(url)).toBe(200);
  await takeAway();
  const startMs = performance.now();
  const known: number[] = [];
  // What is believed for a while must not be believed anew by asking often.
  await until("a refusal at both replicas", 20_000, async () => {
    const now = await Promise.all(replicas.map(status));
    for (const [at, one] of now.entries()) if (one === refusal) known[at] ??= performance.now();
    return now.every((one) => one === refusal) ? true : undefined;
  });
  await until("the end of all streams", 20_000, () =>
    streams.every(({ endedMs }) => endedMs !== undefined) ? true : undefined,
  );
  const lateMs = [...known, ...streams.map(({ endedMs = 0 }) => endedMs)].map((atMs) => Math.round(atMs - startMs));
  return Math.max(...lateMs);
}
/** Five seconds are promised; the clock of a test on a busy machine is late by more than any of ours. */
const slackMs = 5_000 + 2_500;

async function person(
  name: string,
): Promise<{ readonly browser: Browser; readonly headers: Readonly<Record<string, string>> }> {
  const invited = await made(ground, "POST", "/users", { name });
  const browser = new Browser();
  const invitation = new URLSearchParams(new URL(String(invited["url"])).hash.slice(1)).get("invitation");
  const signedIn = await browser.send(`${first.url}/auth/invitation`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: first.url },
    body: JSON.stringify({ token: invitation, password: "correct horse battery staple" }),
  });
  expect(signedIn.status).toBeLessThan(300);
  await change("PUT", name, { role: "operator" });
  return { browser, headers: { cookie: browser.cookies(first.url) } };
}

test.concurrent("a sign-out", async () => {
  const { browser, headers } = await person("ana");
  const out = () => browser.send(`${first.url}/auth/logout`, { method: "POST", headers: { origin: first.url } });
  expect(await lateness(headers, out, 401)).toBeLessThan(slackMs);
});

test.concurrent("a role that was taken away", async () => {
  const { headers } = await person("bo");
  expect(await lateness(headers, () => change("DELETE", "bo"), 404)).toBeLessThan(slackMs);
});

test.concurrent("a user who was disabled", async () => {
  const { headers } = await person("cem");
  expect(await lateness(headers, () => made(ground, "POST", "/users/cem/actions/disable"), 401)).toBeLessThan(slackMs);
});

test.concurrent("a token that was revoked", async () => {
  const secret = await tokenOf(ground, "default", "operator", "robot", ["runs:read", "logs:read"]);
  const { data } = await made(ground, "GET", "/projects/default/tokens");
  const mine = (data as { id: string }[]).find(({ id }) => secret.includes(id)); // of tokenList
  const revoke = () => made(ground, "DELETE", `/projects/default/tokens/${mine?.id}`);
  expect(await lateness({ authorization: `Bearer ${secret}` }, revoke, 401)).toBeLessThan(slackMs);
});

test.concurrent("a service account that left the project, with its tokens", async () => {
  const secret = await tokenOf(ground, "default", "operator", "leaver", ["runs:read", "logs:read"]);
  const leave = () => change("DELETE", "default-leaver");
  expect(await lateness({ authorization: `Bearer ${secret}` }, leave, 401)).toBeLessThan(slackMs);
});

test.concurrent("a role that is less than it was: what it allows no more ends, the rest goes on", async () => {
  const { headers } = await person("dia");
  const logs = (url: string) => fetch(`${url}/api/v1/projects/default/runs/slow-1/logs?follow=true`, { headers });
  const open = await Promise.all(replicas.map(logs));
  let endedCount = 0;
  for (const answer of open) void ended(answer).then(() => (endedCount += 1));
  await change("PUT", "dia", { role: "viewer" });
  const startMs = performance.now();
  await until("the end of the logs", 20_000, () => (endedCount === open.length ? true : undefined));
  expect(performance.now() - startMs).toBeLessThan(slackMs);
  for (const url of replicas) {
    expect((await logs(url)).status).toBe(403);
    expect((await fetch(`${url}/api/v1/projects/default/runs`, { headers })).status).toBe(200);
  }
});

test.concurrent("an agent that was revoked: its sockets close, and its key opens nothing", async () => {
  for (const url of replicas) {
    const agent = await enrol(ground, "default", `agent-${new URL(url).port}`);
    // Each replica is another audience, since neither has a public name.
    const key = { ...agent };
    const client = await live(key, url);
    await made(ground, "DELETE", `/projects/default/agents/${agent.answer.agent}`, {});
    const startMs = performance.now();
    expect((await client.end()).code).toBe(4401);
    expect(performance.now() - startMs).toBeLessThan(slackMs);
    for (const at of replicas) {
      const path = agentPaths.spec(`sha256:${"0".repeat(64)}`);
      const bearer = assertion(agent.key, agent.answer.agent, await nonceOf(at), at + path);
      const answer = await fetch(at + path, { headers: { authorization: `Bearer ${bearer}` } });
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([403, "agent_revoked"]);
    }
  }
});
