// A provider that lies: every token that is not exactly what was asked for signs nobody in.
import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { expect, test } from "vitest";
import { readOidc } from "../config-oidc.ts";
import type { Egress, EgressAnswer } from "../egress/egress.ts";
import { derived, OidcClient } from "./oidc.ts";
import { nameOf, rolesOf } from "./sign-in.service.ts";

const issuer = "https://idp.example";
const secret = "the browser's";
const redirectUri = "https://capstan.example/auth/oidc/callback";
const nowSeconds = Math.floor(Date.now() / 1000);
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const otherRsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const jwk = { ...rsa.publicKey.export({ format: "jwk" }), kid: "k1", use: "sig" };

const settings: Record<string, string> = { CAPSTAN_OIDC__ISSUER: issuer, CAPSTAN_OIDC__CLIENT_ID: "capstan" };
const config = readOidc((name) => settings[name]);
if (config === undefined) throw new Error("no configuration");

const part = (value: object | string): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const claims = {
  iss: issuer,
  sub: "ana",
  aud: "capstan",
  exp: nowSeconds + 60,
  iat: nowSeconds,
  nonce: derived(secret, "nonce"),
  preferred_username: "ana",
};
type Claims = Partial<Record<keyof typeof claims | "azp" | "nbf", unknown>>;
function rs256(changed: Claims = {}, header: object = {}, key: KeyObject = rsa.privateKey): string {
  const text = `${part({ alg: "RS256", kid: "k1", typ: "JWT", ...header })}.${part({ ...claims, ...changed })}`;
  return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
}
function hs256(mac: string | Buffer): string {
  const text = `${part({ alg: "HS256", kid: "k1", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", mac).update(text).digest("base64url")}`;
}

const discovery = {
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/keys`,
  userinfo_endpoint: `${issuer}/me`,
};
const answer = (value: unknown): EgressAnswer => ({ status: 200, text: JSON.stringify(value) });
/** A client whose provider answers this. */
function client(answers: Readonly<Record<string, unknown>>): { readonly oidc: OidcClient; readonly asked: string[] } {
  const asked: string[] = [];
  const all: Readonly<Record<string, unknown>> = {
    "/.well-known/openid-configuration": discovery,
    "/keys": { keys: [jwk] },
    "/me": { sub: "ana" },
    ...answers,
  };
  const egress: Egress = {
    send: async (address) => {
      const { pathname } = new URL(address);
      asked.push(pathname);
      return answer(all[pathname]);
    },
    close: async () => {},
  };
  return { oidc: new OidcClient(config as NonNullable<typeof config>, egress), asked }; // checked above
}
const state = derived(secret, "state");
const remembered = { secret, redirectUri, fresh: false };
const identify = (token: string, query: object = {}, answers: object = {}) =>
  client({ "/token": { id_token: token }, ...answers }).oidc.identify({ code: "c", state, ...query }, remembered);

test("a token that is what was asked for says who came", async () => {
  expect(await identify(rs256())).toMatchObject({ issuer, subject: "ana", names: ["ana"], groups: [] });
  // Not every provider names the kind.
  expect(await identify(rs256({}, { typ: undefined }))).toMatchObject({ subject: "ana" });
  expect(await identify(rs256({ aud: ["capstan", "api"], azp: "capstan" }))).toMatchObject({ subject: "ana" });
});

test.each([
  ["of no algorithm", () => `${part({ alg: "none", typ: "JWT" })}.${part(claims)}.`],
  ["of no algorithm, with a signature", () => rs256({}, { alg: "none" })],
  ["a MAC under the public key as PEM", () => hs256(rsa.publicKey.export({ format: "pem", type: "spki" }))],
  ["a MAC under the public key as JWK", () => hs256(JSON.stringify(jwk))],
  ["a MAC under the modulus", () => hs256(Buffer.from(jwk.n ?? "", "base64url"))],
  ["signed by another key of the same name", () => rs256({}, {}, otherRsa.privateKey)],
  [
    "that brings its own key",
    () => rs256({}, { jwk: otherRsa.publicKey.export({ format: "jwk" }), kid: undefined }, otherRsa.privateKey),
  ],
  [
    "that names where its key is",
    () => rs256({}, { jku: "https://evil.example/keys", kid: "k2" }, otherRsa.privateKey),
  ],
  ["for an API", () => rs256({}, { typ: "at+jwt" })],
  ["for a sign-out", () => rs256({}, { typ: "logout+jwt" })],
  ["with an extension that is not known", () => rs256({}, { crit: ["x"], x: 1 })],
  ["of another issuer", () => rs256({ iss: "https://evil.example" })],
  ["of an issuer that begins alike", () => rs256({ iss: `${issuer}/` })],
  ["for another audience", () => rs256({ aud: "other" })],
  ["for an audience that begins alike", () => rs256({ aud: "capstan2" })],
  ["for several, issued to another", () => rs256({ aud: ["capstan", "other"], azp: "other" })],
  ["for several, issued to nobody", () => rs256({ aud: ["capstan", "other"] })],
  ["of another sign-in", () => rs256({ nonce: derived("another's", "nonce") })],
  ["of no sign-in", () => rs256({ nonce: undefined })],
  ["that has ended", () => rs256({ exp: nowSeconds - 60, iat: nowSeconds - 120 })],
  ["that never ends", () => rs256({ exp: undefined })],
  ["of long ago", () => rs256({ iat: nowSeconds - 3600 })],
  ["of tomorrow", () => rs256({ iat: nowSeconds + 86_400, exp: nowSeconds + 90_000 })],
  ["about nobody", () => rs256({ sub: undefined })],
  ["about an empty name", () => rs256({ sub: "" })],
  ["that is none", () => "nothing"],
  ["cut short", () => rs256().slice(0, -4)],
])("a token %s is refused", async (_, make) => {
  await expect(identify(make())).rejects.toMatchObject({ code: "sign_in_refused" });
});

test("an answer with another state, of another issuer, or with an error asks the provider for nothing", async () => {
  const { oidc, asked } = client({ "/token": { id_token: rs256() } });
  const cases: [object, string][] = [
    [{ code: "c" }, "sign_in_flow_unknown"],
    [{ code: "c", state: `${state}x` }, "sign_in_flow_unknown"],
    [{ code: "c", state: derived(secret, "nonce") }, "sign_in_flow_unknown"],
    [{ code: "c", state, iss: "https://evil.example" }, "sign_in_refused"],
    [{ error: "access_denied", state }, "sign_in_refused"],
    [{ state }, "sign_in_refused"],
  ];
  for (const [query, code] of cases)
    await expect(oidc.identify(query, remembered), code).rejects.toMatchObject({ code });
  expect(asked).not.toContain("/token");
});

test("a provider that promises to name itself and does not is refused", async () => {
  const answers = {
    "/.well-known/openid-configuration": { ...discovery, authorization_response_iss_parameter_supported: true },
  };
  await expect(identify(rs256(), {}, answers)).rejects.toMatchObject({ code: "sign_in_refused" });
  expect(await identify(rs256(), { iss: issuer }, answers)).toMatchObject({ subject: "ana" });
});

test.each([
  ["names another issuer", { ...discovery, issuer: `${issuer}/` }],
  ["has its keys where others can change them", { ...discovery, jwks_uri: "http://idp.example/keys" }],
  ["takes secrets in the open", { ...discovery, token_endpoint: "http://idp.example/token" }],
  ["is a list", []],
])("a discovery document that %s is not used", async (_, document) => {
  const { oidc } = client({ "/.well-known/openid-configuration": document });
  await expect(oidc.authorizationUrl(remembered)).rejects.toMatchObject({ code: "oidc_unavailable" });
});

test("a key that is new is looked for once", async () => {
  const fresh = { ...otherRsa.publicKey.export({ format: "jwk" }), kid: "k2" };
  let keys: object = { keys: [jwk] };
  let nowMs = Date.now();
  const asked: string[] = [];
  const egress: Egress = {
    send: async (address) => {
      const { pathname } = new URL(address);
      asked.push(pathname);
      if (pathname === "/keys") return answer(keys);
      if (pathname === "/token") return answer({ id_token: rs256({}, { kid: "k2" }, otherRsa.privateKey) });
      return answer(discovery);
    },
    close: async () => {},
  };
  const oidc = new OidcClient(config, egress, () => nowMs);
  const ask = () => oidc.identify({ code: "c", state }, remembered);
  await expect(ask()).rejects.toMatchObject({ code: "sign_in_refused" });
  keys = { keys: [jwk, fresh] };
  nowMs += 31_000;
  expect(await ask()).toMatchObject({ subject: "ana" });
  expect(asked.filter((path) => path === "/keys").length).toBe(2);
});

test("what the provider says of another person is not believed of this one", async () => {
  const answers = { "/token": { id_token: rs256({ preferred_username: undefined }), access_token: "a" } };
  await expect(identify("", {}, { ...answers, "/me": { sub: "bo", preferred_username: "bo" } })).rejects.toMatchObject({
    code: "sign_in_refused",
  });
  expect(await identify("", {}, { ...answers, "/me": { sub: "ana", preferred_username: "Ana" } })).toMatchObject({
    names: ["Ana"],
  });
});

test("groups give roles by their exact value, the first rule of a project first", () => {
  const rules = [
    { group: "data-admins", project: "a", role: "project_admin" },
    { group: "data", project: "a", role: "viewer" },
    { group: "data", project: "b", role: "operator" },
  ] as const;
  expect([...rolesOf(rules, ["data", "data-admins"])]).toEqual([
    ["a", "project_admin"],
    ["b", "operator"],
  ]);
  for (const near of ["Data", "data ", "data-", "dat", "data-admin", "data-admins2", "*", "dаta"])
    expect([...rolesOf(rules, [near])]).toEqual([]);
});

test("a name is made of plain letters, whatever the provider sends", () => {
  const name = (text: string): string => nameOf({ names: [text], subject: "s" });
  expect(name("Ana Ruiz")).toBe("ana-ruiz");
  expect(name("ana@example.org")).toBe("ana@example.org");
  expect(name("../../etc")).toBe("etc");
  expect(name("<b>\u202e")).toBe("b");
  expect(name("аnа")).toBe("n");
  expect(name("…")).toBe("s");
});

test.each([
  [{ CAPSTAN_OIDC__ISSUER: "http://idp.example" }, /https/],
  [{ CAPSTAN_OIDC__CLIENT_ID: "" }, /CLIENT_ID/],
  [{ CAPSTAN_OIDC__SCOPES: "profile" }, /openid/],
  [{ CAPSTAN_OIDC__ROLES: "{" }, /JSON/],
  [{ CAPSTAN_OIDC__ROLES: '[{"group":"g","project":"p","role":"chief"}]' }, /\/0\/role/],
  [{ CAPSTAN_OIDC__ROLES: '[{"group":"g","project":"p","role":"system_admin"}]' }, /\/0\/role/],
  [{ CAPSTAN_OIDC__CLIENT_SECRET_FILE: "/nowhere" }, /cannot be read/],
  [{ CAPSTAN_OIDC__ISSUER: "" }, /ISSUER/],
])("a configuration that cannot work stops the start: %j", (changed, why) => {
  const all: Record<string, string> = { ...settings, ...changed };
  expect(() => readOidc((name) => (all[name] === "" ? undefined : all[name]))).toThrow(why);
});
