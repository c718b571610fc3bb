// C21, a token of another algorithm or kind: 10,000 bent ones, and each kind of credential in the place of every other.
import { beforeAll, expect, test } from "vitest";
import { agentPaths, assertionType, enrolProofType } from "@capstan/proto";
import { assertion, enrolRequest, testKey } from "../../control-plane/src/testing/agent-client.ts";
import { Browser } from "../support/identity-provider.ts";
import { enrol, made, makeGround, nonceOf, raw, tokenOf, type Enrolled } from "./ground.ts";
import { claims, enrolProof, jwt, taken, verifiers } from "./verifiers.ts";

const ground = await makeGround();
const { server } = ground;

test.each(verifiers)("of 2,500 bent forms of $name none is taken", async (verifier) => {
  expect((await taken(verifier, { seed: 7, count: 2_500 })).taken).toEqual([]);
});

test("a signed token of one kind is none of another", async () => {
  const all = [
    ...verifiers.map(({ token }) => token),
    ...[
      assertionType,
      enrolProofType,
      "JWT",
      "task-id+jwt",
      "attempt+jwt",
      "workflow+jws",
      "audit+jws",
      "at+jwt",
      "logout+jwt",
    ].flatMap((typ) => [enrolProof(typ), jwt(claims, { typ }), jwt({ ...claims, aud: "http://x/socket" }, { typ })]),
  ];
  for (const { name, token, verify } of verifiers) {
    for (const text of all) {
      // Both readers of JWTs take the token that has all that either asks for.
      if (text === token) continue;
      await expect(verify(text), `${name}: ${text}`).rejects.toThrow();
    }
  }
});

const json = { "content-type": "application/json" };
/** A good credential of each kind. */
const kinds: Record<string, string> = {};
let enrolled: Enrolled;
beforeAll(async () => {
  const { url } = server;
  const post = async (path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    JSON.parse((await raw(url, "POST", path, { ...json, ...headers }, JSON.stringify(body))).text) as Record<
      string,
      unknown
    >;
  const link = async () =>
    new URL(String((await post("/auth/links", {}, { authorization: `Bearer ${server.token}` }))["url"])).hash.split(
      "=",
    )[1] ?? "";
  const invitation = async (name: string) =>
    new URLSearchParams(new URL(String((await made(ground, "POST", "/users", { name }))["url"])).hash.slice(1)).get(
      "invitation",
    ) ?? "";
  const browser = new Browser();
  await browser.send(`${url}/auth/exchange`, {
    method: "POST",
    headers: { ...json, origin: url },
    body: JSON.stringify({ token: await link() }),
  });
  const device = await post("/auth/device", { client: "x" });
  const answered = await post("/auth/device", { client: "y" });
  await browser.send(`${url}/auth/device/decision`, {
    method: "POST",
    headers: { ...json, origin: url },
    body: JSON.stringify({ userCode: answered["userCode"], decision: "approve" }),
  });
  const signedIn = await post("/auth/device/token", { deviceCode: answered["deviceCode"] });
  enrolled = await enrol(ground, "default", "agent");
  const joined = await made(ground, "POST", "/projects/default/pools/default/join-tokens", {});
  await made(ground, "POST", "/projects/default/deploys", {
    documents: [
      {
        file: "w.yaml",
        source: "version: 1\nname: hooked\ntriggers: [{ id: hook, webhook: {} }]\ntasks: { a: { wait: 1h } }\n",
      },
    ],
  });
  const rotated = await made(ground, "POST", "/projects/default/webhooks/hooked.hook/actions/rotate", {});
  Object.assign(kinds, {
    local: server.token,
    "API token": await tokenOf(ground, "default", "project_admin", "holder"),
    session: browser.cookies(url).split("=")[1],
    "session of a command line": signedIn["token"],
    link: await link(),
    invitation: await invitation("ana"),
    "device code": device["deviceCode"],
    "user code": device["userCode"],
    "join token": joined["token"],
    assertion: assertion(enrolled.key, enrolled.answer.agent, await nonceOf(url), url + agentPaths.socket),
    "enrolment proof": enrolRequest(testKey("Ed25519"), String(joined["token"]), (await nonceOf(url)).nonce, url, "b")
      .proof,
    "secret of a webhook": rotated["secret"],
    "token of a pipeline": jwt({ ...claims, aud: url }),
    nonce: (await nonceOf(url)).nonce,
  });
  const missing = Object.keys(kinds).filter((kind) => (kinds[kind] ?? "").length < 6);
  if (missing.length > 0) throw new Error(`not made: ${missing.join()}`);
});

const sent = (path: string, body: (text: string) => unknown) => async (text: string) =>
  (await raw(server.url, "POST", path, json, JSON.stringify(body(text)))).status;
const bearerAt = (path: string) => async (text: string) =>
  (await raw(server.url, "GET", path, { authorization: `Bearer ${text.replaceAll(/[^\x20-\x7e]/g, "")}` })).status;
const digest = `sha256:${"0".repeat(64)}`;
/** Each place where a credential is shown, and the kinds that belong there. */
const places: readonly (readonly [string, (text: string) => Promise<number>, readonly string[]])[] = [
  ["a request", bearerAt("/api/v1/me"), ["local", "API token", "session of a command line"]],
  [
    "a cookie",
    async (text) => (await raw(server.url, "GET", "/api/v1/me", { cookie: `capstan=${text}` })).status,
    ["session"],
  ],
  [
    "a cookie of the other form",
    async (text) => (await raw(server.url, "GET", "/api/v1/me", { cookie: `__Host-capstan=${text}` })).status,
    [],
  ],
  ["an agent's request", bearerAt(agentPaths.spec(digest)), []],
  ["an agent's file", bearerAt(agentPaths.file("0".repeat(64))), []],
  ["a sign-in by link", sent("/auth/exchange", (token) => ({ token })), ["link"]],
  [
    "an invitation",
    sent("/auth/invitation", (token) => ({ token, password: "correct horse battery staple" })),
    ["invitation"],
  ],
  ["a password", sent("/auth/password", (password) => ({ name: "local", password })), []],
  ["a device", sent("/auth/device/token", (deviceCode) => ({ deviceCode })), ["device code"]],
  ["a pipeline", sent("/auth/token", (subjectToken) => ({ subjectToken, project: "default" })), []],
  [
    "an enrolment, as proof",
    sent(agentPaths.enrol, (proofText) => ({
      tokenId: kinds["join token"]?.split("_")[2],
      proof: proofText,
      mac: "x".repeat(43),
    })),
    [],
  ],
  [
    "an enrolment, as token",
    sent(agentPaths.enrol, (tokenId) => ({ tokenId, proof: kinds["enrolment proof"], mac: "x".repeat(43) })),
    [],
  ],
  [
    "the address of a webhook",
    async (text) =>
      (await raw(server.url, "POST", `/hooks/default/hooked/hook/${encodeURIComponent(text)}`, json, "{}")).status,
    [],
  ],
];

test.each(places)("at the place of %s only what belongs there is taken", async (_, show, belongs) => {
  for (const [kind, text] of Object.entries(kinds).filter(([one]) => !belongs.includes(one)))
    expect([400, 401, 403, 404, 429], kind).toContain(await show(text));
  for (const kind of belongs) expect([200, 201, 204], kind).toContain(await show(kinds[kind] ?? ""));
});

test("an assertion is taken for the path and the method that it was made for, once", async () => {
  const path = agentPaths.spec(digest);
  const made = async (at: string) =>
    assertion(enrolled.key, enrolled.answer.agent, await nonceOf(server.url), server.url + at);
  for (const at of [agentPaths.socket, agentPaths.bundle("0".repeat(64)), `${path}/`, `${path}?`, "", "/"])
    expect(await bearerAt(path)(await made(at)), at).toBe(401);
  const good = await made(path);
  expect(
    (
      await raw(
        server.url,
        "PUT",
        agentPaths.file("0".repeat(64)),
        { authorization: `Bearer ${good}`, "content-type": "application/octet-stream" },
        "x",
      )
    ).status,
  ).toBe(401);
  // A version that nobody has is not there for an agent that was let in.
  expect(await bearerAt(path)(good)).toBe(404);
  expect(await bearerAt(path)(good)).toBe(401);
});
