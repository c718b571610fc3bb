// C13, data that becomes more than data: YAML of others, and requests that a server framework would unpack.
import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readWorkflow } from "@capstan/proto";
import { root } from "../support/sources.ts";
import { makeGround, raw, tokenOf } from "./ground.ts";
import { yamlDocuments } from "./yaml-documents.ts";

interface Seen {
  readonly line: string;
  readonly headers: Readonly<Record<string, unknown>>;
  body: string;
}
const access: Seen[] = [];
const consoleProcess = createServer((request, answer) => {
  const seen: Seen = { line: `${request.method} ${request.url}`, headers: request.headers, body: "" };
  access.push(seen);
  request.on("data", (part: Buffer) => (seen.body += part.toString()));
  request.on("end", () => answer.end("a page"));
});
await new Promise<void>((resolve) => consoleProcess.listen(0, "127.0.0.1", resolve));
afterAll(() => void consoleProcess.close());
const { port } = consoleProcess.address() as AddressInfo; // a TCP server's
const ground = await makeGround({ CAPSTAN_CONSOLE__URL: `http://127.0.0.1:${port}` });
const { server } = ground;

/** Paths of all pages of the console, from its folders. */
const pages = readdirSync(join(root, "web/src/app"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /^(?:page|route)\.tsx?$/.test(entry.name))
  .map((entry) => entry.parentPath.slice(join(root, "web/src/app").length))
  .map((path) => path.replaceAll(/\/\([\w-]+\)/g, "").replaceAll(/\[{1,2}[.\w]+\]{1,2}/g, "x") || "/");
// Not the token of this machine: that is taken from this machine alone, and these say that they come from elsewhere.
const local = { authorization: `Bearer ${await tokenOf(ground, "default", "viewer")}` };
const action = {
  "next-action": "7f00aa".repeat(7),
  "next-router-state-tree": "%5B%5D",
  "x-middleware-subrequest": "src/middleware",
  "x-nextjs-data": "1",
  "x-forwarded-host": "evil.example",
  forwarded: "host=evil.example",
};
const multipart = '--x\r\nContent-Disposition: form-data; name="1_$ACTION_ID_7f00aa"\r\n\r\n["$F1"]\r\n--x--\r\n';

test("nothing but GET and HEAD reaches the console, whatever it carries", async () => {
  expect(pages.length).toBeGreaterThan(4);
  const kinds: readonly (readonly [string, string])[] = [
    ["multipart/form-data; boundary=x", multipart],
    ["text/x-component", '["$F1"]'],
    ["text/plain;charset=UTF-8", "[]"],
    ["application/x-www-form-urlencoded", "$ACTION_ID_7f00aa="],
    ["application/json", '{"__proto__":{"polluted":1}}'],
  ];
  for (const page of [...new Set([...pages, "/_next/static/x.js", "/_next/image", "/favicon.ico"])]) {
    for (const [type, body] of kinds) {
      for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
        const { status } = await raw(server.url, method, page, { ...local, ...action, "content-type": type }, body);
        // A path that the API has is its own; of others no method but these two exists.
        expect([400, 404, 405, 415], `${method} ${page} ${type}`).toContain(status);
      }
    }
    const { status } = await raw(server.url, "POST", page, { ...local, ...action });
    expect([404, 405], page).toContain(status);
  }
  expect(access).toEqual([]);
});

test("a GET takes along no body, no action and no word about where it came from", async () => {
  const headers = { ...local, ...action, "content-type": "multipart/form-data; boundary=x" };
  for (const page of pages) await raw(server.url, "GET", page, headers, multipart).catch(() => undefined);
  expect(access.length).toBeGreaterThan(4);
  for (const seen of access.splice(0)) {
    expect(seen.line).toMatch(/^GET /);
    expect(seen.body).toBe("");
    for (const name of Object.keys(action).filter((one) => one !== "next-router-state-tree"))
      expect(seen.headers).not.toHaveProperty(name);
    expect(seen.headers).not.toHaveProperty("authorization");
    expect(seen.headers).not.toHaveProperty("content-type");
  }
});

test.each([
  ["a tag of a type", "version: 1\nname: !!js/function 'function(){}'\n", "yaml_feature"],
  ["a tag of one's own", "version: 1\nname: !evil x\n", "yaml_feature"],
  ["binary", "version: 1\nname: !!binary aGVsbG8=\n", "yaml_feature"],
  ["a merge key", "a: &a { b: 1 }\nversion: 1\nname: x\nc: { <<: *a }\n", "yaml_feature"],
  ["the prototype as a key", "version: 1\nname: x\n__proto__: { polluted: 1 }\n", "reserved_key"],
  ["the constructor as a key", "version: 1\nname: x\nconstructor: { prototype: { polluted: 1 } }\n", "reserved_key"],
  ["a number in another base", "version: 0b1\nname: x\n", expect.any(String)],
])("%s is refused, with its place", (_, text, code) => {
  const { problems, document } = readWorkflow({ text });
  expect(document).toBeUndefined();
  expect(problems).toContainEqual(expect.objectContaining({ code, line: expect.any(Number) }));
});

test.each([
  [
    "aliases of aliases",
    `${Array.from({ length: 30 }, (_, i) => `a${i}: &a${i} [${i === 0 ? "x" : `*a${i - 1}, *a${i - 1}`}]`).join("\n")}\n`,
  ],
  ["an alias of itself", "a: &a [*a]\n"],
  ["ten thousand aliases", `a: &a x\nb: [${"*a, ".repeat(10_000)}]\n`],
  ["flow lists a hundred thousand deep", `${"[".repeat(100_000)}`],
  ["flow maps a hundred thousand deep", `${"{a: ".repeat(100_000)}`],
  ["block lists a thousand deep", `${"- ".repeat(1_000)}x\n`],
  ["a hundred thousand keys", `${Array.from({ length: 100_000 }, (_, i) => `k${i}: 1`).join("\n")}\n`],
  ["a megabyte of one line", `version: 1\nname: ${"x".repeat(1_000_000)}\n`],
  ["a million quotes", `a: ${"'".repeat(1_000_000)}`],
  ["many documents", "---\na: 1\n".repeat(10_000)],
  ["many comments", "# x\n".repeat(200_000)],
  ["many anchors", Array.from({ length: 20_000 }, (_, i) => `- &a${i} x`).join("\n")],
])("%s costs little and is refused", (_, text) => {
  const start = process.cpuUsage();
  const { document } = readWorkflow({ text });
  const { user, system } = process.cpuUsage(start);
  expect(document).toBeUndefined();
  expect((user + system) / 1000).toBeLessThan(4_000);
});

test("20,000 documents made of the signs of YAML give plain data or problems with a place, and pollute nothing", () => {
  for (const text of yamlDocuments(1, 20_000)) {
    const { document, problems } = readWorkflow({ text });
    if (document === undefined && problems.length === 0) throw new Error(`neither a document nor a problem: ${text}`);
    for (const { line } of problems) if (line !== undefined && line < 1) throw new Error(`no place: ${text}`);
  }
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect("polluted" in {}).toBe(false);
});
