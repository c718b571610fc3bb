import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { HttpAction, JsonObject } from "@capstan/proto";
import { createExecutors } from "./index.ts";
import { settingsFrom } from "./config.ts";
import { openBench, runPrepared, type BenchOptions, type Ran } from "./testing.ts";

const bench = openBench();
const executor = createExecutors(settingsFrom({ PATH: process.env["PATH"], CAPSTAN_SECRET_TOKEN: "tok-12345" }))[
  "http"
];
const csv = "a,b\n1,2\n";
let server: Server;
let other: Server;
let origin = "";
let otherOrigin = "";
const seen: { method: string; url: string; headers: IncomingMessage["headers"]; body: string }[] = [];

const listen = async (made: Server): Promise<string> => {
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
};

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      const path = (request.url ?? "").split("?")[0];
      if (path === "/daily.csv") response.setHeader("content-type", "text/csv").end(csv);
      else if (path === "/json") response.setHeader("content-type", "application/json").end('{"ok":true}');
      else if (path === "/busy") response.writeHead(503, { "retry-after": "7" }).end("later");
      else if (path === "/big") response.end("x".repeat(5000));
      else if (path === "/huge-text") response.end("x".repeat(300 * 1024));
      else if (path === "/away") response.writeHead(302, { location: `${otherOrigin}/landed` }).end();
      else if (path === "/loop") response.writeHead(302, { location: "/loop" }).end();
      else if (path === "/cut") {
        response.writeHead(200, { "content-length": "100" });
        response.write("half");
        request.socket.destroy();
      } else if (path === "/hang") return;
      else response.writeHead(404).end();
    });
  });
  other = createServer((request, response) => {
    seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body: "" });
    response.end("landed");
  });
  origin = await listen(server);
  otherOrigin = await listen(other);
});
afterAll(() => {
  for (const made of [server, other]) {
    made.closeAllConnections();
    made.close();
  }
  bench.end();
});

async function run(http: HttpAction, more?: BenchOptions): Promise<Ran> {
  if (executor === undefined) throw new Error("no executor");
  return await runPrepared(await executor.prepare(bench.context({ action: { http } }, more)));
}
const last = () => seen.at(-1);

test("saveAs keeps the answer as a file with its digest", async () => {
  const { finished } = await run(
    { url: { $expr: "inputs.url" }, saveAs: "daily.csv", expect: { status: [200] } },
    { inputs: { inputs: { url: `${origin}/daily.csv` } } },
  );
  const sha256 = createHash("sha256").update(csv).digest("hex");
  expect(finished).toMatchObject({
    outcome: "succeeded",
    outputs: {
      status: 200,
      bytes: 8,
      sha256,
      file: { $file: { name: "daily.csv", size: 8, sha256, mediaType: "text/csv" } },
    },
  });
  expect(readFileSync(join(bench.folder, "store", sha256), "utf8")).toBe(csv);
});

test("a JSON answer is a value", async () => {
  expect((await run({ url: `${origin}/json` })).finished.outputs).toMatchObject({ status: 200, body: { ok: true } });
});

test("a status that is not expected fails with the status first and the URL without its query", async () => {
  const { finished, output } = await run({ url: `${origin}/none?token=abc` });
  expect(finished).toMatchObject({
    outcome: "failed",
    failure: { class: "error", code: "http_status", message: `404 Not Found from GET ${origin}/none` },
  });
  expect(output).not.toContain("abc");
});

test("Retry-After of a 503 is the least wait; a range may expect it", async () => {
  expect((await run({ url: `${origin}/busy` })).finished).toMatchObject({ outcome: "failed", retryAfterMs: 7000 });
  expect((await run({ url: `${origin}/busy`, expect: { status: ["500-599"] } })).finished.outcome).toBe("succeeded");
});

test("method, query, headers, form and a secret bearer are sent", async () => {
  const { output } = await run(
    {
      url: `${origin}/json`,
      method: "POST",
      query: { a: "1 2", b: [3, 4] },
      headers: { "X-A": "b" },
      form: { k: "v&w" },
      auth: { bearer: { $expr: "secrets.TOKEN" } },
    },
    { secrets: { TOKEN: "env:CAPSTAN_SECRET_TOKEN" } },
  );
  expect(last()).toMatchObject({
    method: "POST",
    url: "/json?a=1+2&b=3&b=4",
    body: "k=v%26w",
    headers: { "x-a": "b", authorization: "Bearer tok-12345", "content-type": "application/x-www-form-urlencoded" },
  });
  expect(bench.masked).toContain("tok-12345");
  expect(output).not.toContain("tok-12345");
});

test("a header value with a line break is refused before anything is sent, and is not shown", async () => {
  const count = seen.length;
  await expect(
    run({ url: origin, headers: { "x-a": { $expr: "inputs.v" } } }, { inputs: { inputs: { v: "a\r\nx-evil: 1" } } }),
  ).rejects.toThrow(/headers\.x-a cannot be sent/);
  expect(seen.length).toBe(count);
});

test("a redirect is not followed unless asked for, and another origin gets no credentials", async () => {
  expect((await run({ url: `${origin}/away` })).finished).toMatchObject({
    outcome: "failed",
    failure: { code: "http_status" },
  });
  const { finished } = await run({
    url: `${origin}/away`,
    followRedirects: 1,
    auth: { basic: { user: "u", password: "p" } },
  });
  expect(finished.outputs).toMatchObject({ status: 200, body: "landed" });
  expect(last()?.headers["authorization"]).toBeUndefined();
  expect((await run({ url: `${origin}/loop`, followRedirects: 5 })).finished.failure?.message).toContain("302");
});

test("more than maxBytes is refused and a text above 256 KiB has to be a file", async () => {
  expect((await run({ url: `${origin}/big`, maxBytes: 1000 })).finished).toMatchObject({
    outcome: "failed",
    retryable: false,
    failure: { code: "http_too_large" },
  });
  const { finished } = await run({ url: `${origin}/huge-text` });
  expect(finished.outputs).toMatchObject({ bytes: 300 * 1024 });
  expect((finished.outputs as JsonObject)["body"]).toBeUndefined();
});

test("a refused connection and an answer that breaks off are failures of the task, not of Capstan", async () => {
  expect((await run({ url: "http://127.0.0.1:1/x?k=v" })).finished.failure).toEqual({
    class: "error",
    code: "http_failed",
    message: "GET http://127.0.0.1:1/x: the connection was refused",
  });
  expect((await run({ url: `${origin}/cut` })).finished.failure).toMatchObject({ class: "error", code: "http_failed" });
});

test("an abort ends a request that hangs", async () => {
  if (executor === undefined) throw new Error("no executor");
  const prepared = await executor.prepare(bench.context({ action: { http: { url: `${origin}/hang` } } }));
  if (prepared.kind !== "inProcess") throw new Error("not prepared");
  const controller = new AbortController();
  const count = seen.length;
  const running = prepared.run(controller.signal, () => undefined);
  await expect.poll(() => seen.length).toBeGreaterThan(count);
  controller.abort();
  await expect(running).rejects.toThrow(/abort/i);
});

for (const saveAs of ["../x", "a/b", "/etc/x", ".."]) {
  test(`saveAs ${saveAs} is refused`, async () => {
    await expect(run({ url: `${origin}/json`, saveAs })).rejects.toThrow(/saveAs/);
  });
}

test("file:, data: and other schemes are no addresses", async () => {
  await expect(run({ url: "file:///etc/passwd" })).rejects.toThrow(/no http or https address/);
  expect(existsSync(join(bench.folder, "passwd"))).toBe(false);
});
