// C1, authorization skipped by the form of a path: what is open without a credential is a list of exact routes.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { afterAll, expect, test } from "vitest";
import { agentPaths } from "@capstan/proto";
import { filled, makeGround, raw, routeTable } from "./ground.ts";

/** What the router was told, by every Fastify that starts in this file. */
const routed: { readonly method: string; readonly url: string }[] = [];
const listen = (message: unknown): void => {
  const { fastify } = message as { readonly fastify: FastifyInstance }; // what Fastify publishes on this channel
  fastify.addHook("onRoute", ({ method, url }) => {
    for (const one of [method].flat()) routed.push({ method: one, url });
  });
};
subscribe("fastify.initialization", listen);

const seenByConsole: string[] = [];
const consoleProcess = createServer((request, answer) => {
  seenByConsole.push(request.url ?? "");
  answer.end("a page");
});
await new Promise<void>((resolve) => consoleProcess.listen(0, "127.0.0.1", resolve));
afterAll(() => void consoleProcess.close());
const { port } = consoleProcess.address() as AddressInfo; // a TCP server's

const { server } = await makeGround({ CAPSTAN_CONSOLE__URL: `http://127.0.0.1:${port}` });
unsubscribe("fastify.initialization", listen);

/** surface.md 3.1, and nothing else. */
const open =
  /^\/(?:login|auth\/(?:exchange|logout|password|invitation|oidc\/start|oidc\/callback|device|device\/token|token)|livez|readyz|hooks\/\{project\}\/\{workflow\}\/\{hook\}(?:\/\{secret\})?)$/;
const refusals = [400, 401, 404, 405];
const headers = {
  "x-http-method-override": "GET",
  "x-original-url": "/livez",
  "x-rewrite-url": "/livez",
  "x-forwarded-uri": "/livez",
  "x-middleware-subrequest": "src/middleware:src/middleware",
};
const closed = routeTable.filter(([, route]) => route.permission !== "none");

test("the router has the routes of the table, those with which agents prove themselves, and the console's", () => {
  const inTable = new Set(
    routeTable.flatMap(([, { method, path }]) => {
      const url = path.replace(/\{(\w+)\}/g, ":$1");
      return method === "GET" ? [`GET ${url}`, `HEAD ${url}`] : [`${method} ${url}`];
    }),
  );
  const others = routed.map(({ method, url }) => `${method} ${url}`).filter((one) => !inTable.has(one));
  expect(routed.length).toBeGreaterThan(inTable.size);
  expect(others.filter((one) => !one.includes(" /agent/v1/"))).toEqual(["GET /*", "HEAD /*"]);
  for (const one of inTable) expect(routed.map(({ method, url }) => `${method} ${url}`)).toContain(one);
});

test("what needs no sign-in is the list that is decided", () => {
  const found = routeTable.filter(([, route]) => route.permission === "none").map(([, route]) => route.path);
  expect(found.filter((path) => !open.test(path))).toEqual([]);
  expect(closed.filter(([, route]) => open.test(route.path)).map(([, { path }]) => path)).toEqual([]);
});

test("without a credential every route that needs one is refused, however its path is bent", async () => {
  const wrong: string[] = [];
  let asked = 0;
  for (const [name, route] of closed) {
    const plain = filled(route.path, { project: "default" });
    const suffixes = ["/configs", "/health", "/ready", ";/", "%2f.json", "?x=/health", "//", ".", "/../livez", "%00"];
    const bent = [plain, plain, ...suffixes.map((suffix) => plain + suffix)];
    bent.push(plain.toUpperCase(), plain.replace("/api/", "/%61pi/"), `/${plain}`, `/livez/..${plain}`, `/.${plain}`);
    bent.push(`http://127.0.0.1:1${plain}`, `/_next/static/../..${plain}`, plain.replace("/", "/\\"));
    for (const target of bent) {
      asked += 1;
      // Every other one also with headers that other servers believe.
      const { status } = await raw(server.url, route.method, target, asked % 2 === 0 ? headers : {});
      if (!refusals.includes(status)) wrong.push(`${name} ${route.method} ${target} → ${status}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(asked).toBe(closed.length * 20);
  expect(seenByConsole).toEqual([]);
});

test("no other method of a path opens it", async () => {
  const wrong: string[] = [];
  for (const path of new Set(closed.map(([, route]) => filled(route.path, { project: "default" })))) {
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"]) {
      const { status } = await raw(server.url, method, path);
      if (!refusals.includes(status)) wrong.push(`${method} ${path} → ${status}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("the agents' routes ask for their own proof, but for the nonce that begins it", async () => {
  for (const { method, url } of routed.filter((route) => route.url.startsWith("/agent/v1/"))) {
    const { status } = await raw(server.url, method, url.replace(/:(\w+)/g, "0".repeat(64)));
    expect(url === agentPaths.nonce ? [200] : [400, 401, 404, 415], `${method} ${url}`).toContain(status);
  }
});

test("pages of the console need a sign-in too, by whatever path they are asked for", async () => {
  const targets = [
    "/",
    "/runs/hello-1",
    "/_next/data/x.json",
    "/_next/image?url=%2F",
    "/metrics",
    "/healthz",
    "/public",
  ];
  for (const base of ["/_next/static/", "/_next/static/chunks/"]) {
    for (const up of ["..", "%2e%2e", ".%2e", "%2E.", "..%2f..", "..%5c..", "..\\..", "%2e%2e%2f%2e%2e"])
      targets.push(`${base}${up}/../runs/hello-1`, `${base}${up}/runs/hello-1`);
  }
  targets.push(
    "/_next/static/x%2f..%2f..%2fruns",
    "/favicon.ico/../runs",
    "/icon.svg/..%2fruns",
    "/_next/static/..;/runs",
  );
  for (const target of targets) expect([401, 404], target).toContain((await raw(server.url, "GET", target)).status);
  expect(seenByConsole).toEqual([]);
  for (const asset of ["/_next/static/chunks/app/%5Brun%5D/page-0f.js", "/favicon.ico", "/_next/static/css/a.css?v=1"])
    expect((await raw(server.url, "GET", asset)).status, asset).toBe(200);
  expect(seenByConsole).toHaveLength(3);
});

test("the probes answer a status and no body, and metrics are not at the front door", async () => {
  for (const path of ["/livez", "/readyz"])
    expect(await raw(server.url, "GET", path)).toMatchObject({ status: 204, text: "" });
  expect((await raw(server.url, "GET", "/metrics")).status).toBe(401);
});
