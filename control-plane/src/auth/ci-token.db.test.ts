// A pipeline trades a token of its CI system, here a server of this test that signs as one, for an API token.
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { readConfig } from "../config.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const others = generateKeyPairSync("rsa", { modulusLength: 2048 });
let asked = 0;
const ci = createServer((request, response) => {
  asked += 1;
  const jwk = { ...keys.publicKey.export({ format: "jwk" }), kid: "k1", use: "sig" };
  const body = request.url?.endsWith("/jwks") === true ? { keys: [jwk] } : { issuer, jwks_uri: `${issuer}/jwks` };
  response.setHeader("content-type", "application/json").end(JSON.stringify(body));
});
await new Promise<void>((resolve) => ci.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${(ci.address() as AddressInfo).port}`; // a TCP server's

const database = await cloneDatabase();
const rule = {
  issuer,
  claims: { repository: "data/flows", ref: "refs/heads/main" },
  project: "default",
  serviceAccount: "pipeline",
};
const server = await serverFixture(database, {
  CAPSTAN_LIMITS__SIGN_INS_PER_MINUTE: "0",
  CAPSTAN_CI__TRUST: JSON.stringify([
    rule,
    { ...rule, claims: { repository: "data/other" }, serviceAccount: "nobody" },
  ]),
});
afterAll(async () => {
  await server.close();
  ci.close();
  ci.closeAllConnections();
});

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const now = Math.floor(Date.now() / 1000);
const claims = {
  iss: issuer,
  sub: "repo:data/flows:ref:refs/heads/main",
  aud: server.url,
  iat: now,
  exp: now + 300,
  repository: "data/flows",
  ref: "refs/heads/main",
};
function signed(changed: object = {}, key: KeyObject = keys.privateKey, header: object = {}): string {
  const text = `${part({ alg: "RS256", kid: "k1", typ: "JWT", ...header })}.${part({ ...claims, ...changed })}`;
  return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
}
interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}
async function post(target: string, body: unknown, token?: string, method = "POST"): Promise<Answer> {
  const answer = await fetch(server.url + target, {
    method,
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? {} : (JSON.parse(text) as Answer["body"]) };
}
const trade = (subjectToken: string, project = "default") => post("/auth/token", { subjectToken, project });
const P = "/api/v1/projects/default";
const deploy = (token: string) =>
  post(
    `${P}/deploys`,
    { documents: [{ file: "w.yaml", source: "version: 1\nname: w\ntasks: { a: { run: echo } }\n" }] },
    token,
  );

beforeAll(async () => {
  const machine = server.token;
  const made = await post(`${P}/service-accounts`, { name: "pipeline", role: "deployer" }, machine);
  if (made.status !== 201) throw new Error(`the service account: ${made.status}`);
});

test("the pipeline that the rule names deploys, and may do nothing else", async () => {
  const made = await trade(signed());
  expect(made).toMatchObject({ status: 201, body: { user: "pipeline", project: "default" } });
  const lifeMs = Date.parse(String(made.body["expiresAt"])) - Date.now();
  expect(lifeMs).toBeGreaterThan(10 * 60_000);
  expect(lifeMs).toBeLessThanOrEqual(15 * 60_000);
  const token = String(made.body["token"]);
  expect((await deploy(token)).status).toBe(200);
  expect((await post(`${P}/workflows/w/runs`, {}, token)).body["code"]).toBe("forbidden");
});

test("every token that is not exactly the pipeline's is refused, and none makes the server ask a stranger", async () => {
  const refusals: readonly [string, string, string?][] = [
    ["of another branch", signed({ ref: "refs/heads/evil" })],
    ["of another repository", signed({ repository: "evil/flows" })],
    ["with a claim that only contains it", signed({ repository: ["data/flows"] })],
    ["for another installation", signed({ aud: "https://capstan.example.org" })],
    ["too old", signed({ exp: now - 120 })],
    ["without an end", signed({ exp: undefined })],
    ["signed by somebody else", signed({}, others.privateKey)],
    ["of another issuer", signed({ iss: "https://evil.example" })],
    ["of another kind", signed({}, keys.privateKey, { typ: "at+jwt" })],
    ["with no signature", `${part({ alg: "none" })}.${part(claims)}.`],
    ["for another project", signed(), "other"],
    ["of an account that is not there", signed({ repository: "data/other" })],
    ["no token at all", "nothing.that-is.a-token-at-all"],
  ];
  for (const [what, token, project] of refusals) {
    const answer = await trade(token, project);
    expect([answer.status, answer.body["code"]], what).toEqual([401, "sign_in_refused"]);
    expect(JSON.stringify(answer.body), what).not.toContain(token.slice(-20));
  }
  // Discovery and keys once; an unknown key would be one question more.
  expect(asked).toBeLessThanOrEqual(3);
});

test("a rule that cannot be meant stops the start, with its place", () => {
  const start = (trust: unknown) => () =>
    readConfig({ CAPSTAN_DATABASE_URL: database.url, CAPSTAN_CI__TRUST: JSON.stringify(trust) });
  expect(start([{ ...rule, claims: {} }])).toThrow("/0/claims");
  expect(start([{ ...rule, issuer: "http://ci.example.org" }])).toThrow("/0/issuer");
  expect(start([{ ...rule, scopes: ["everything"] }])).toThrow("/0/scopes");
  expect(start({})).toThrow("CAPSTAN_CI__TRUST must be a list");
});
