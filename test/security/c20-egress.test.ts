// C20, requests that the server is made to send into its own network. By whatever way an address is written, found or
// redirected to, nothing reaches what listens on this machine.
import type { LookupAddress } from "node:dns";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { isPublicAddress } from "../../control-plane/src/egress/address.ts";
import { DirectEgress, type Resolve } from "../../control-plane/src/egress/egress.ts";
import { discoverySchema, Provider } from "../../control-plane/src/auth/provider.ts";
import { until } from "../support/until.ts";
import { innerHosts } from "./addresses.ts";
import { made, makeGround } from "./ground.ts";

/** Answers of a resolver that somebody else runs, one for each question; the last one for those that follow. */
const resolved = new Map<string, LookupAddress[][]>();
const resolve: Resolve = (name, _, done) => {
  const answers = resolved.get(name) ?? [];
  done(null, (answers.length > 1 ? answers.shift() : answers[0]) ?? []);
};

let connections = 0;
const listen = async (server: Server, port: number, host: string): Promise<number> =>
  new Promise((resolve) => {
    server.once("error", () => resolve(0)).listen(port, host, () => resolve((server.address() as AddressInfo).port)); // a TCP server's
  });
const canary = (): Server =>
  createServer((_, answer) => void answer.end("inner")).on("connection", () => (connections += 1));
const canaries: Server[] = [];
const ports: number[] = [];
/** Somewhere else, which the operator trusts, and which leads inwards. */
let leading = "";
const other = createServer((request, answer) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://x");
  const to = searchParams.get("to") ?? leading;
  if (pathname.endsWith("/openid-configuration")) {
    const body = { issuer: `http://${otherHost}`, jwks_uri: to, token_endpoint: to, authorization_endpoint: to };
    return void answer.setHeader("content-type", "application/json").end(JSON.stringify(body));
  }
  answer.writeHead(307, { location: to }).end();
});
let otherHost = "";
beforeAll(async () => {
  // On a port of its own and, where it is free, on one that the rules allow.
  for (const [port, host] of [
    [0, "127.0.0.1"],
    [8443, "127.0.0.1"],
    [80, "127.0.0.1"],
    [8443, "::1"],
  ] as const) {
    const server = canary();
    const got = await listen(server, port, host);
    if (got === 0) continue;
    canaries.push(server);
    ports.push(got);
  }
  otherHost = `127.0.0.1:${await listen(other, 0, "127.0.0.1")}`;
});
vi.setConfig({ testTimeout: 240_000 });
afterAll(() => {
  for (const server of [...canaries, other]) {
    server.close();
    server.closeAllConnections();
  }
});

/** Addresses of the inside, by scheme and port. */
const inner = (): readonly string[] =>
  innerHosts.flatMap((host, at) => {
    const port = ports[at % ports.length] ?? 80;
    return [`http://${host}:${port}/`, at % 2 === 0 ? `http://${host}/` : `https://${host}:8443/latest/meta-data`];
  });

test("the ways of writing an inner address are many, and none of them is public", () => {
  expect(innerHosts.length).toBeGreaterThan(200);
  expect(innerHosts.filter((host) => isPublicAddress(host))).toEqual([]);
});

test("no inner address is connected to, however it is written", async () => {
  const egress = new DirectEgress({ allow: [] });
  const sent = await Promise.all(
    inner().map((address) =>
      egress.send(address, { timeoutMs: 3_000 }).then(
        () => address,
        () => undefined,
      ),
    ),
  );
  expect(sent.filter((address) => address !== undefined)).toEqual([]);
  for (const address of [
    "ftp://127.0.0.1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:70/",
    "unix:/run/x.sock",
    "data:,x",
    "http://a:b@example.org/",
    "//127.0.0.1/",
    "http:/127.0.0.1",
    "http:127.0.0.1",
  ])
    await expect(egress.send(address), address).rejects.toMatchObject({ code: "egress_denied" });
  await egress.close();
  expect(connections).toBe(0);
});

test("a name that changes its address between two questions gains nothing, and one with an inner address among others neither", async () => {
  const inside = { address: "127.0.0.1", family: 4 };
  const outside = { address: "192.88.99.1", family: 4 };
  // Of the public range, and nobody's.
  const pub = { address: "2a0e:ffff::1", family: 6 };
  const egress = new DirectEgress({ allow: [], resolve });
  const port = ports.find((one) => one === 8443 || one === 80) ?? 80;
  resolved.set("mixed.test", [[pub, inside]]);
  resolved.set("mapped.test", [[{ address: "::ffff:127.0.0.1", family: 6 }]]);
  resolved.set("inside.test", [[inside]]);
  resolved.set("relay.test", [[outside]]);
  for (const name of ["mixed.test", "mapped.test", "inside.test", "relay.test"])
    await expect(egress.send(`http://${name}:${port}/`), name).rejects.toMatchObject({ code: "egress_denied" });
  // The first answer is public and the second is not: the connection goes to the one that was looked at.
  resolved.set("rebound.test", [[pub], [inside]]);
  await expect(egress.send(`http://rebound.test:${port}/`, { timeoutMs: 500 })).rejects.toThrow();
  await egress.close();
  expect(connections).toBe(0);
});

test("what a trusted host leads to is not followed", async () => {
  const egress = new DirectEgress({ allow: [otherHost] });
  for (const to of inner().slice(0, 60)) {
    const { status } = await egress.send(`http://${otherHost}/?to=${encodeURIComponent(to)}`);
    expect(status).toBe(307);
  }
  await egress.close();
  expect(connections).toBe(0);
});

test("keys of an identity provider or a CI system are fetched from no inner address that its document names", async () => {
  const egress = new DirectEgress({ allow: [otherHost] });
  for (const to of inner()) {
    leading = to;
    const provider = new Provider(`http://${otherHost}`, discoverySchema, egress);
    await expect(
      provider.verified(async () => "verified"),
      to,
    ).rejects.toMatchObject({ code: "oidc_unavailable" });
  }
  await egress.close();
  expect(connections).toBe(0);
});

test("an endpoint at an inner address is refused or never reached, and so is one that redirects there", async () => {
  const ground = await makeGround({ CAPSTAN_EGRESS__ALLOW: otherHost });
  const P = "/projects/default";
  const taken: { readonly id: string; readonly url: string }[] = [];
  const create = (url: string) => ground.server.call("POST", `${P}/endpoints`, { url, types: ["run.failed"] });
  const idOf = ({ body }: Awaited<ReturnType<typeof create>>): string =>
    String((body["endpoint"] as { id: string }).id); // of endpointCreate
  for (const url of inner()) {
    const answer = await create(url);
    expect([201, 400, 422], url).toContain(answer.status);
    if (answer.status === 201) taken.push({ id: idOf(answer), url });
  }
  // What was taken is a name, whose look-up decides. Those that only this machine knows are asked without a network.
  expect(taken.length).toBeLessThan(40);
  const names = taken.filter(({ url }) => /\/\/localhost\.?[:/]/i.test(url)).map(({ id }) => id);
  expect(names.length).toBeGreaterThan(0);
  leading = `http://127.0.0.1:${ports[0]}/`;
  names.push(idOf(await create(`http://${otherHost}/hook`)));
  for (const endpoint of names) await made(ground, "POST", `${P}/endpoints/${endpoint}/actions/test`);
  await until("a try of each", 200_000, async () => {
    const { rows } = await ground.owner.query<{ tried: string }>(
      "SELECT count(*) AS tried FROM endpoint_deliveries WHERE attempts > 0 OR tries <> '[]'",
    );
    return Number(rows[0]?.tried) >= names.length ? true : undefined;
  });
  expect(connections).toBe(0);
});
