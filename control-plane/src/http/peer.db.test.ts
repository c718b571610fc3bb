// A control plane behind a proxy: who is meant is the client, and what clients write about themselves changes nothing.
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture } from "../testing/server-fixture.ts";

// This test is the proxy.
const behind = await serverFixture(await cloneDatabase(), {
  CAPSTAN_HTTP__TRUSTED_PROXIES: "127.0.0.1/32",
  CAPSTAN_LIMITS__SIGN_INS_PER_MINUTE: "3",
  CAPSTAN_LIMITS__SIGN_INS_OF_ACCOUNT_PER_MINUTE: "0",
  CAPSTAN_WEBHOOKS__SECRET_URLS: "default",
});
const alone = await serverFixture(await cloneDatabase(), { CAPSTAN_LIMITS__SIGN_INS_PER_MINUTE: "3" });
afterAll(async () => {
  await behind.close();
  await alone.close();
});
const from = (address: string): Record<string, string> => ({ "x-forwarded-for": address });
const signIn = async (url: string, headers: Record<string, string>): Promise<number> => {
  const body = JSON.stringify({ name: "nobody", password: "not the right one" });
  const answer = await fetch(`${url}/auth/password`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url, ...headers },
    body,
  });
  return answer.status;
};

test("the budget of sign-ins is each client's, and no header of its own gives it another", async () => {
  for (let n = 0; n < 3; n++) expect(await signIn(behind.url, from("203.0.113.7"))).toBe(401);
  expect(await signIn(behind.url, from("203.0.113.7"))).toBe(429);
  for (const made of ["198.51.100.1", "127.0.0.1"])
    expect(await signIn(behind.url, from(`${made}, 203.0.113.7`))).toBe(429);
  expect(await signIn(behind.url, { ...from("203.0.113.7"), forwarded: "for=198.51.100.1" })).toBe(429);
  expect(await signIn(behind.url, from("203.0.113.8"))).toBe(401);
});

test("without a named proxy the header is nobody's word", async () => {
  for (let n = 0; n < 3; n++) expect(await signIn(alone.url, from(`203.0.113.${n}`))).toBe(401);
  expect(await signIn(alone.url, from("203.0.113.99"))).toBe(429);
});

test("the token of the machine is taken from the machine alone, also through a proxy that stands on it", async () => {
  for (const { url, token, status } of [
    { ...behind, status: 200 },
    { ...alone, status: 401 },
  ]) {
    const me = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${token}`, ...headers } })).status;
    expect(await me({})).toBe(200);
    expect(await me(from("203.0.113.7"))).toBe(401);
    expect(await me(from("127.0.0.1, 203.0.113.7"))).toBe(401);
    expect(await me(from("127.0.0.1"))).toBe(status);
  }
});

test("the `ip` of a webhook is compared with the client's address", async () => {
  await behind.deploy(`version: 1
name: w
triggers: [{ id: far, webhook: { verify: { none: true, ip: ["203.0.113.0/24"] } } }]
tasks: { a: { wait: 1ms } }
`);
  const made = await behind.call("POST", "/projects/default/webhooks/w.far/actions/rotate", {});
  const deliver = async (headers: Record<string, string>): Promise<number> =>
    (
      await fetch(`${behind.url}/hooks/default/w/far/${String(made.body["secret"])}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: "{}",
      })
    ).status;
  expect(await deliver(from("203.0.113.7"))).toBe(202);
  expect(await deliver(from("203.0.113.7, 198.51.100.1"))).toBe(401);
  expect(await deliver({})).toBe(401);
});
