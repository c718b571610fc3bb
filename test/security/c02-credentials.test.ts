// C2, an entrance that forgot to ask who comes: routes, event streams and the agents' socket.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Controller, Get } from "@nestjs/common";
import { expect, test } from "vitest";
import WebSocket from "ws";
import { agentFrameSchemas, agentPaths, agentSubprotocol } from "@capstan/proto";
import { checkDeclared } from "../../control-plane/src/auth/declared.ts";
import { assertion, testKey } from "../../control-plane/src/testing/agent-client.ts";
import { enrol, filled, makeGround, nonceOf, raw, routeTable } from "./ground.ts";

const ground = await makeGround();
const { server } = ground;
const closed = routeTable.filter(([, route]) => route.permission !== "none");
const fixtures = new URL("../../proto/src/fixtures/v1/", import.meta.url);
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Texts that are no credential here; each in the header where it might be believed. */
async function garbage(): Promise<readonly Readonly<Record<string, string>>[]> {
  const { token } = server;
  const foreign = testKey("Ed25519").sign({ alg: "EdDSA", typ: "JWT" }, { iss: "https://other.example", sub: "admin" });
  const unsigned = `${part({ alg: "none" })}.${part({ sub: "local", admin: true })}.`;
  const expired = await ground.owner.query<{ id: string }>("SELECT id FROM users LIMIT 1");
  const bearers = [
    "Bearer nothing",
    "Bearer ",
    "Bearer undefined",
    "Bearer null",
    `Bearer ${token}x`,
    `Bearer ${token.slice(0, -1)}`,
    `bearer ${token}`,
    `Bearer  ${token}`,
    `Bearer ${token} ${token}`,
    `Bearer ${token},${token}`,
    `Basic ${Buffer.from(`local:${token}`).toString("base64")}`,
    `Token ${token}`,
    token,
    `Bearer ${createHash("sha256").update(token).digest("hex")}`,
    `Bearer ${foreign}`,
    `Bearer ${unsigned}`,
    `Bearer ${String(expired.rows[0]?.id)}`,
  ];
  return [
    {},
    ...bearers.map((authorization) => ({ authorization })),
    { cookie: `capstan=${token}` },
    { cookie: "capstan=; capstan=nothing" },
    { cookie: `__Host-capstan=${token}` },
    { "x-api-key": token },
    { "proxy-authorization": `Bearer ${token}` },
  ];
}

test("no text but a credential opens anything", async () => {
  const wrong: string[] = [];
  for (const [at, headers] of (await garbage()).entries()) {
    // The guard is one for all, so each route is asked with every other of these texts.
    for (const [name, route] of closed.filter((_, index) => (at + index) % 2 === 0)) {
      const { status } = await raw(server.url, route.method, filled(route.path, { project: "default" }), headers);
      if (status !== 401) wrong.push(`${name} with ${JSON.stringify(headers)}: ${status}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("a credential in the address opens nothing", async () => {
  const { token } = server;
  for (const query of [`token=${token}`, `access_token=${token}`, `authorization=Bearer%20${token}`])
    expect((await raw(server.url, "GET", `/api/v1/me?${query}`)).status).toBe(401);
});

test("event streams do not open for nobody", async () => {
  const streams = routeTable.filter(([, route]) => route.responseType?.includes("text/event-stream") === true);
  expect(streams.map(([name]) => name)).toContain("eventStream");
  for (const [, { path }] of [
    ...streams,
    ...routeTable.filter(([name]) => name === "runLogs" || name === "taskLogs"),
  ]) {
    const target = `${filled(path, { project: "default" })}?follow=true`;
    const { status, headers } = await raw(server.url, "GET", target, { accept: "text/event-stream" });
    expect(status).toBe(401);
    expect(headers["content-type"]).toMatch(/^application\/problem\+json/);
  }
});

/** How an upgrade of a connection ends: its status, or 101 where it succeeds. */
const upgrade = (path: string, headers: Record<string, string>): Promise<number> =>
  new Promise((resolve) => {
    const socket = new WebSocket(server.url.replace("http", "ws") + path, [agentSubprotocol], { headers });
    socket.on("open", () => {
      resolve(101);
      socket.terminate();
    });
    socket.on("unexpected-response", (_, answer) => resolve(answer.statusCode ?? 0));
    socket.on("error", () => resolve(0));
  });

test("the socket opens for an assertion of an enrolled agent and for nothing else, and at one path", async () => {
  const agent = await enrol(ground, "default", "proper");
  const audience = server.url + agentPaths.socket;
  const good = async (): Promise<string> =>
    assertion(agent.key, agent.answer.agent, await nonceOf(server.url), audience);
  for (const headers of await garbage()) expect(await upgrade(agentPaths.socket, headers)).toBe(401);
  expect(await upgrade(agentPaths.socket, { authorization: `Bearer ${server.token}` })).toBe(401);
  const stranger = assertion(testKey("Ed25519"), agent.answer.agent, await nonceOf(server.url), audience);
  expect(await upgrade(agentPaths.socket, { authorization: `Bearer ${stranger}` })).toBe(401);
  for (const path of [
    "/",
    "/api/v1/events",
    "/agent/v1/nonce",
    "/agent/v1",
    `${agentPaths.socket}/`,
    "/_next/webpack-hmr",
  ])
    expect(await upgrade(path, { authorization: `Bearer ${await good()}` }), path).toBe(404);
  const once = await good();
  expect(await upgrade(agentPaths.socket, { authorization: `Bearer ${once}` })).toBe(101);
  expect(await upgrade(agentPaths.socket, { authorization: `Bearer ${once}` })).toBe(401);
});

test("before its greeting an open socket takes no message of any type", async () => {
  const agent = await enrol(ground, "default", "silent");
  for (const type of Object.keys(agentFrameSchemas).filter((one) => one !== "hello")) {
    const bearer = assertion(agent.key, agent.answer.agent, await nonceOf(server.url), server.url + agentPaths.socket);
    const headers = { authorization: `Bearer ${bearer}` };
    const socket = new WebSocket(server.url.replace("http", "ws") + agentPaths.socket, [agentSubprotocol], { headers });
    const body: unknown = JSON.parse(readFileSync(new URL(`agent.${type}.json`, fixtures), "utf8"));
    const ended = await new Promise<number | string>((resolve) => {
      socket.on("open", () => socket.send(JSON.stringify({ ...(body as object), id: 1 }))); // a golden frame
      socket.on("message", (text: Buffer) => resolve(text.toString()));
      socket.on("close", resolve);
    });
    expect([type, ended]).toEqual([type, 4400]);
  }
});

test("a handler that declares no route does not start", () => {
  class Planted {
    answer(): void {}
  }
  const descriptor = Object.getOwnPropertyDescriptor(Planted.prototype, "answer") ?? {};
  Get("/api/v1/secret")(Planted.prototype, "answer", descriptor);
  Controller("")(Planted);
  expect(() => checkDeclared([Planted])).toThrow(expect.objectContaining({ code: "route_undeclared" }));
});
