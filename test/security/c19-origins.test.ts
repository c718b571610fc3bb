// C19, requests that another site makes: forged with the cookie, to the socket, by a name rebound to us, and the way back
// after a sign-in. The return address is a property of control-plane/src/auth/return-path.test.ts too; here it is asked.
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import WebSocket from "ws";
import { agentPaths, agentSubprotocol } from "@capstan/proto";
import { assertion } from "../../control-plane/src/testing/agent-client.ts";
import { enrol, filled, made, makeGround, nonceOf, raw, routeTable, rowsOf } from "./ground.ts";

const ground = await makeGround();
const { server, owner } = ground;
const here = new URL(server.url);
let cookie: string;
beforeAll(async () => {
  const link = await fetch(`${server.url}/auth/links`, {
    method: "POST",
    headers: { authorization: `Bearer ${server.token}` },
  });
  const { url } = (await link.json()) as { url: string }; // of signInLink
  const exchanged = await raw(
    server.url,
    "POST",
    "/auth/exchange",
    { "content-type": "application/json" },
    JSON.stringify({ token: new URL(url).hash.split("=")[1] }),
  );
  cookie = String(exchanged.headers["set-cookie"]).split(";")[0] ?? "";
  if (exchanged.status !== 200) throw new Error(`no session: ${exchanged.status}`);
});

const origins = [
  undefined,
  "null",
  "",
  "https://evil.example",
  `http://127.0.0.1.evil.example:${here.port}`,
  `http://127.0.0.1:${Number(here.port) + 1}`,
  `https://127.0.0.1:${here.port}`,
  `http://localhost:${here.port}`,
  `http://127.0.0.1:${here.port}@evil.example`,
  `http://127.0.0.1:${here.port}.evil.example`,
  `http://127.0.0.1:${here.port}/`,
  `HTTP://127.0.0.1:${here.port}`,
  `${server.url}, https://evil.example`,
  "http://[::ffff:127.0.0.1]",
  "file://",
  "chrome-extension://x",
];
const changing = routeTable.filter(([, { method }]) => method !== "GET");

test("no change is made with the cookie unless one of our own pages asks for it", async () => {
  const { rows } = await owner.query<{ id: string }>("SELECT id FROM projects WHERE name = 'default'");
  const before = await rowsOf(owner, String(rows[0]?.id));
  const wrong: string[] = [];
  for (const [name, route] of changing) {
    const path = filled(route.path, { project: "default" });
    const type = route.rawBody === "application/octet-stream" ? route.rawBody : "application/json";
    for (const origin of origins) {
      const headers = {
        cookie,
        "content-type": type,
        "sec-fetch-site": "cross-site",
        ...(origin === undefined ? {} : { origin }),
      };
      const { status, text } = await raw(server.url, route.method, path, headers, "{}");
      if (status !== 403 || !text.includes('"origin_refused"')) wrong.push(`${name} from ${origin}: ${status}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(await rowsOf(owner, String(rows[0]?.id))).toEqual(before);
  expect((await raw(server.url, "GET", "/api/v1/me", { cookie })).status).toBe(200);
});

test("a GET changes nothing, with whatever cookie and from wherever", async () => {
  await made(ground, "POST", "/projects/default/deploys", {
    documents: [{ file: "w.yaml", source: "version: 1\nname: job\ntasks: { only: { wait: 1h } }\n" }],
  });
  await made(ground, "POST", "/projects/default/workflows/job/runs", {});
  const { rows } = await owner.query<{ id: string }>("SELECT id FROM projects WHERE name = 'default'");
  const before = await rowsOf(owner, String(rows[0]?.id));
  const headers = { cookie, origin: "https://evil.example" };
  for (const [, route] of routeTable.filter(([, { method }]) => method === "GET")) {
    const path = filled(route.path, {
      project: "default",
      workflow: "job",
      run: "job-1",
      task: "only",
      pool: "default",
    });
    for (const method of ["GET", "HEAD"]) await raw(server.url, method, `${path}?_method=DELETE&method=POST`, headers);
  }
  expect(await rowsOf(owner, String(rows[0]?.id))).toEqual(before);
});

test("our own pages may", async () => {
  for (const origin of [server.url]) {
    const { status } = await raw(
      server.url,
      "POST",
      "/api/v1/projects/default/runs/nope-1/actions/cancel",
      { cookie, origin, "content-type": "application/json" },
      "{}",
    );
    expect(status).toBe(404);
  }
});

const hosts = [
  "evil.example",
  `evil.example:${here.port}`,
  "127.0.0.1.evil.example",
  "localhost.evil.example",
  "127.0.0.1@evil.example",
  "evil.example#127.0.0.1",
  "2130706433",
  "0x7f.1",
  "169.254.169.254",
  "[::ffff:127.0.0.1]",
  "127.0.0.1:0:1",
  "localhost,evil.example",
  " ",
];

test("by no name but our own is anything served: a name may have been rebound to us", async () => {
  for (const host of hosts) {
    for (const path of [
      "/",
      "/login",
      "/livez",
      "/api/v1/me",
      "/_next/static/x.js",
      "/hooks/default/a/b",
      "/agent/v1/nonce",
      "/nowhere",
    ]) {
      const { status } = await raw(server.url, "GET", path, { host, authorization: `Bearer ${server.token}` });
      expect([400, 421], `${host} ${path}`).toContain(status);
    }
  }
  for (const [, route] of changing)
    expect(
      (
        await raw(server.url, route.method, filled(route.path), {
          host: "evil.example",
          cookie,
          origin: "http://evil.example",
        })
      ).status,
    ).toBe(421);
});

test("the agents' socket is no browser's: any Origin is refused, and any name but ours", async () => {
  const agent = await enrol(ground, "default", "agent");
  const upgrade = async (more: Readonly<Record<string, string>>): Promise<number> => {
    const bearer = assertion(agent.key, agent.answer.agent, await nonceOf(server.url), server.url + agentPaths.socket);
    const headers = { authorization: `Bearer ${bearer}`, ...more };
    const socket = new WebSocket(server.url.replace("http", "ws") + agentPaths.socket, [agentSubprotocol], { headers });
    return new Promise((resolve) => {
      socket.on("open", () => resolve(101));
      socket.on("unexpected-response", (_, answer) => resolve(answer.statusCode ?? 0));
      socket.on("error", () => resolve(0));
    }).then((status) => {
      socket.terminate();
      return status as number; // of the three above
    });
  };
  for (const origin of [...origins, server.url].filter((one) => one !== undefined))
    expect(await upgrade({ origin }), origin).toBe(403);
  for (const host of hosts.filter((one) => one.trim() !== ""))
    expect([400, 421], host).toContain(await upgrade({ host }));
  expect(await upgrade({})).toBe(101);
});

test("after a sign-in one is led to a path of ours, whatever the address said", async () => {
  const pieces = fc.constantFrom(
    "/",
    "\\",
    ".",
    "..",
    "%2f",
    "%5c",
    "%09",
    "%0a",
    "@",
    ":",
    "evil.example",
    "?",
    "#",
    "a",
    "https:",
    "javascript:",
    " ",
    "%E2%80%AE",
  );
  const addresses = fc.array(pieces, { maxLength: 7 }).map((list) => list.join(""));
  const given = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "/.//evil.example",
    "/%09/evil.example",
    "javascript:alert(1)",
  ];
  for (const address of [...given, ...fc.sample(addresses, { numRuns: 150, seed: 1 })]) {
    const page = await raw(server.url, "GET", `/login?return=${encodeURIComponent(address)}`, {
      accept: "text/html",
      cookie,
    });
    expect(page.status).toBeLessThan(400);
    const led = [
      page.headers.location ?? "/",
      ...[...page.text.matchAll(/(?:href|action|data-home)="([^"]*)"/g)].map((match) => match[1] ?? ""),
    ];
    for (const to of led)
      expect(new URL(to.replaceAll("&amp;", "&"), server.url).origin, `${address} → ${to}`).toBe(server.url);
  }
});
