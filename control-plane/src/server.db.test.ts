import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { encodeBundle, problemSchema, routes, type Route } from "@capstan/proto";
import { cloneDatabase } from "../../test/support/database.ts";
import { readConfig } from "./config.ts";
import { startServer } from "./server.ts";

const folder = mkdtempSync(path.join(tmpdir(), "capstan-server-"));
const database = await cloneDatabase();
const config = readConfig({
  CAPSTAN_DATABASE_URL: database.url,
  CAPSTAN_HTTP__PORT: "0",
  CAPSTAN_DATA_DIR: folder,
  CAPSTAN_LIMITS__API_PER_SECOND: "20",
  // Nothing listens there: the API works without its console.
  CAPSTAN_CONSOLE__URL: "http://127.0.0.1:9",
});
const server = await startServer({
  config,
  log: pino({ level: "silent" }),
  version: "0.0.0",
  signal: new AbortController().signal,
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});
const token = readFileSync(path.join(folder, "keys", "local"), "utf8");
const project = "/api/v1/projects/default";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** As it is written: fetch would tidy paths up. */
function send(method: string, target: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  const { port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port, method, path: target, headers: { host: `127.0.0.1:${port}`, ...headers } },
      (answer) => {
        let text = "";
        answer
          .setEncoding("utf8")
          .on("data", (part: string) => (text += part))
          .on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
      },
    );
    sent.on("error", reject).end(body);
  });
}
const local = { authorization: `Bearer ${token}` };
const json = { ...local, "content-type": "application/json" };
const call = (method: string, target: string, body?: unknown): Promise<Answer> =>
  send(method, target, body === undefined ? local : json, body === undefined ? undefined : JSON.stringify(body));
const parsed = (answer: Answer): Record<string, never> => JSON.parse(answer.text);

const hello =
  "version: 1\nname: hello\ninputs:\n  who: { type: string, default: world }\ntasks:\n  hi: { run: echo hi }\n";
const deploy = (): Promise<Answer> =>
  call("POST", `${project}/deploys`, { documents: [{ file: "hello.yaml", source: hello }] });

const table: [string, Route][] = Object.entries(routes);

test("every failure is a problem document with the request's id", async () => {
  const answer = await send("GET", `${project}/runs/nope-1`, { ...local, "x-request-id": "req-of-caller" });
  expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
  expect(problemSchema.parse(parsed(answer))).toMatchObject({
    code: "not_found",
    status: 404,
    requestId: "req-of-caller",
  });
});

test("the wrong method, media type, size, host, field and JSON have a code each", async () => {
  const deploys = `${project}/deploys`;
  const cases: [Promise<Answer>, number, string][] = [
    [call("DELETE", `${project}/runs/x-1`), 405, "method_not_allowed"],
    [send("POST", deploys, { ...local, "content-type": "text/plain" }, "x"), 415, "media_type_refused"],
    [send("POST", deploys, json, `"${"x".repeat(1_100_000)}"`), 413, "body_too_large"],
    [send("GET", "/api/v1/me", { ...local, host: "evil.example" }), 421, "host_refused"],
    [call("POST", deploys, { documents: [], extra: 1 }), 400, "malformed"],
    [send("POST", deploys, json, "{"), 400, "malformed"],
    [send("POST", deploys, json, '{"__proto__":{"a":1}}'), 400, "malformed"],
    [send("POST", deploys, json, `${'{"a":'.repeat(80)}1${"}".repeat(80)}`), 400, "malformed"],
    [call("GET", `${project}/runs?sate=failed`), 400, "malformed"],
    [call("GET", `${project}/runs?cursor=abc`), 400, "cursor_invalid"],
    [call("GET", "/api/v1/projects/other/runs"), 404, "not_found"],
  ];
  for (const [answer, status, code] of cases) {
    const { text, status: found } = await answer;
    expect([found, JSON.parse(text).code]).toEqual([status, code]);
  }
});

test("a file with problems deploys nothing and names its places", async () => {
  const bad = {
    documents: [
      { file: "a.yaml", source: hello.replace("hello", "fine") },
      { file: "b.yaml", source: "version: 1\nname: b\ntaks: {}\n" },
    ],
  };
  const answer = await call("POST", `${project}/deploys`, bad);
  expect(answer.status).toBe(422);
  expect(parsed(answer)).toMatchObject({
    code: "spec_invalid",
    errors: expect.arrayContaining([expect.objectContaining({ file: "b.yaml", line: 3 })]),
  });
  expect((await call("GET", `${project}/workflows/fine`)).status).toBe(404);
});

test("a run is started, listed by page, explained and cancelled", async () => {
  expect((await deploy()).status).toBe(200);
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) {
    const started = await call("POST", `${project}/workflows/hello/runs`, {});
    expect(started.status).toBe(202);
    expect(started.headers["location"]).toBe(`${project}/runs/${String(parsed(started)["id"])}`);
    ids.push(parsed(started)["id"] ?? "");
  }
  const seen: string[] = [];
  for (let target: string | undefined = `${project}/runs?limit=2&state=running&state=queued`; target !== undefined;) {
    const answer = await call("GET", target);
    seen.push(...(JSON.parse(answer.text) as { data: { id: string }[] }).data.map((run) => run.id));
    target = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers["link"] ?? ""))?.[1];
  }
  expect(seen).toEqual(ids.toReversed());
  expect(parsed(await call("GET", `${project}/runs/hello-1/explain`))).toMatchObject({
    code: "no_agent_matches",
    subject: "hello-1",
  });
  expect(parsed(await call("POST", `${project}/runs/hello-1/actions/cancel`, { reason: "enough" }))).toMatchObject({
    state: "cancelled",
    already: false,
  });
  expect(parsed(await call("POST", `${project}/runs/${ids[0]}/actions/cancel`, {}))).toMatchObject({
    state: "cancelled",
    already: true,
  });
});

test("inputs that do not fit start nothing", async () => {
  await deploy();
  const answer = await call("POST", `${project}/workflows/hello/runs`, { inputs: { who: 4 } });
  expect(parsed(answer)).toMatchObject({ code: "inputs_invalid", status: 422, errors: [{ pointer: "/inputs/who" }] });
});

test("one Idempotency-Key is one run, and another body with it is refused", async () => {
  await deploy();
  const start = (body: object) =>
    send("POST", `${project}/workflows/hello/runs`, { ...json, "idempotency-key": "one" }, JSON.stringify(body));
  const [first, second] = [await start({}), await start({})];
  expect(parsed(second)["id"]).toBe(parsed(first)["id"]);
  expect(second.headers["idempotency-replayed"]).toBe("true");
  expect(parsed(await start({ inputs: { who: "x" } }))).toMatchObject({ code: "idempotency_key_reused", status: 422 });
});

test("one Idempotency-Key is one join token, with the same secret, and is gone when it was taken back", async () => {
  const make = (key: string, body: unknown) =>
    send("POST", `${project}/pools/default/join-tokens`, { ...json, "idempotency-key": key }, JSON.stringify(body));
  const tries = await Promise.all([make("jt", { uses: 2 }), make("jt", { uses: 2 }), make("jt", { uses: 2 })]);
  expect(tries.map((answer) => answer.status)).toEqual([201, 201, 201]);
  expect(new Set(tries.map((answer) => parsed(answer)["token"])).size).toBe(1);
  expect(tries.filter((answer) => answer.headers["idempotency-replayed"] === "true")).toHaveLength(2);
  expect(parsed(await make("other", { uses: 2 }))["token"]).not.toBe(parsed(tries[0] as Answer)["token"]); // three were sent
  expect(parsed(await make("jt", { uses: 3 }))).toMatchObject({ code: "idempotency_key_reused" });
  expect(
    (await send("POST", `${project}/pools/nowhere/join-tokens`, { ...json, "idempotency-key": "no" }, "{}")).status,
  ).toBe(404);
  const listed = parsed(await call("GET", `${project}/pools/default/join-tokens`));
  expect(JSON.stringify(listed)).toContain(String(parsed(tries[0] as Answer)["id"]));
  expect(JSON.stringify(listed)).not.toContain("capstan_join");
  await call("DELETE", `${project}/pools/default/join-tokens/${String(parsed(tries[0] as Answer)["id"])}`);
  expect(parsed(await make("jt", { uses: 2 }))).toMatchObject({ code: "state_conflict" });
});

test("a file that an action names and the bundle lacks is refused at its place, and nothing is deployed", async () => {
  const source =
    "version: 1\nname: lacking\ntasks:\n  a: { python: { file: load.py } }\n  b: { node: 'count.mjs#run' }\n";
  const bytes = gzipSync(encodeBundle([{ path: "laod.py", content: Buffer.from("x\n\n"), executable: false }]));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const stored = await fetch(`${server.url}${project}/bundles/${sha256}`, {
    method: "PUT",
    headers: { ...local, "content-type": "application/octet-stream" },
    body: new Uint8Array(bytes),
  });
  expect(stored.status).toBeLessThan(300);
  for (const document of [
    { file: "w.yaml", source },
    { file: "w.yaml", source, bundleSha256: sha256 },
  ]) {
    const refused = await call("POST", `${project}/deploys`, { documents: [document] });
    expect(problemSchema.parse(parsed(refused))).toMatchObject({
      code: "spec_invalid",
      errors: [
        { code: "code_missing", line: 4, column: 24, pointer: "/tasks/a/python/file" },
        { code: "code_missing", line: 5, pointer: "/tasks/b/node" },
      ],
    });
  }
  expect((await call("GET", `${project}/workflows/lacking`)).status).toBe(404);
});

test("labels of a workflow, over its inputs, are labels of its runs, and those of the request win", async () => {
  const source =
    "version: 1\nname: labelled\ninputs: { who: string }\nlabels: { for: '${{ inputs.who }}', kind: daily }\ntasks:\n  a: { run: 'true' }\n";
  await call("POST", `${project}/deploys`, { documents: [{ file: "l.yaml", source }] });
  const start = async (labels?: object) =>
    parsed(
      await call("POST", `${project}/workflows/labelled/runs`, { inputs: { who: "ana" }, ...(labels && { labels }) }),
    );
  expect((await start())["labels"]).toEqual({ for: "ana", kind: "daily" });
  expect((await start({ kind: "weekly" }))["labels"]).toEqual({ for: "ana", kind: "weekly" });
});

test("the cookie signs in, and changes with it need our origin", async () => {
  const link = parsed(await call("POST", "/auth/links"))["url"] ?? "";
  const exchange = () =>
    send(
      "POST",
      "/auth/exchange",
      { "content-type": "application/json" },
      JSON.stringify({ token: String(link).split("token=")[1] }),
    );
  const signedIn = await exchange();
  const cookie = String(signedIn.headers["set-cookie"]).split(";")[0] ?? "";
  expect(String(signedIn.headers["set-cookie"])).toMatch(/HttpOnly; SameSite=Lax/);
  expect((await exchange()).status).toBe(401);
  expect((await send("GET", "/api/v1/me", { cookie })).status).toBe(200);
  const cancel = (origin: Record<string, string>) =>
    send(
      "POST",
      `${project}/runs/nope-1/actions/cancel`,
      { cookie, "content-type": "application/json", ...origin },
      "{}",
    );
  expect(parsed(await cancel({}))).toMatchObject({ code: "origin_refused" });
  expect(parsed(await cancel({ origin: "http://evil.example" }))).toMatchObject({ code: "origin_refused" });
  expect(parsed(await cancel({ origin: server.url }))).toMatchObject({ code: "not_found" });
});

test("a browser has a budget and is told of it; the token of this machine is not slowed down", async () => {
  const link = String(parsed(await call("POST", "/auth/links"))["url"]).split("token=")[1];
  const signedIn = await send(
    "POST",
    "/auth/exchange",
    { "content-type": "application/json" },
    JSON.stringify({ token: link }),
  );
  const cookie = String(signedIn.headers["set-cookie"]).split(";")[0] ?? "";
  const first = await send("GET", "/api/v1/version", { cookie });
  expect(first.headers["ratelimit-policy"]).toBe('"api";q=100;w=5');
  expect(first.headers["ratelimit"]).toMatch(/^"api";r=\d+;t=\d+$/);
  const answers = await Promise.all(Array.from({ length: 300 }, () => send("GET", "/api/v1/version", { cookie })));
  const refused = answers.find((answer) => answer.status === 429);
  expect(answers.filter((answer) => answer.status === 200).length).toBeGreaterThan(50);
  expect(refused?.headers["retry-after"]).toBe("1");
  expect(refused === undefined ? undefined : problemSchema.parse(parsed(refused))).toMatchObject({
    code: "rate_limited",
    retryable: true,
  });
  const ours = await Promise.all(Array.from({ length: 300 }, () => call("GET", "/api/v1/version")));
  expect(ours.every((answer) => answer.status === 200 && answer.headers["ratelimit"] === undefined)).toBe(true);
});

test("pages need a sign-in, and say so when the console is not there", async () => {
  const html = { accept: "text/html" };
  expect((await send("GET", "/runs/hello-1", html)).headers["location"]).toBe("/login?return=%2Fruns%2Fhello-1");
  const page = await send("GET", "/runs/hello-1", { ...html, ...local });
  expect(page.status).toBe(502);
  expect(page.text).toContain("console_unavailable");
  expect((await send("POST", "/runs/hello-1", { ...html, ...local })).status).toBe(405);
});

test("the sign-in page runs our script and nothing else", async () => {
  const page = await send("GET", "/login");
  expect(page.headers["content-security-policy"]).toMatch(/^default-src 'none'; script-src 'sha256-/);
});

test("the contract names every route", async () => {
  const contract = JSON.parse((await call("GET", "/api/v1/openapi.json")).text);
  expect(contract.openapi).toBe("3.1.0");
  for (const [, route] of table)
    expect(contract.paths[route.path][route.method.toLowerCase()].summary).toBe(route.summary);
});

test("live and ready answer a status without a body", async () => {
  expect(await send("GET", "/livez")).toMatchObject({ status: 204, text: "" });
  expect(await send("GET", "/readyz")).toMatchObject({ status: 204, text: "" });
});

test("a port that is taken stops the start with its own code", async () => {
  const port = Number(new URL(server.url).port);
  const second = startServer({
    config: { ...config, port },
    log: pino({ level: "silent" }),
    version: "0.0.0",
    signal: new AbortController().signal,
  });
  await expect(second).rejects.toMatchObject({ code: "address_in_use" });
});
