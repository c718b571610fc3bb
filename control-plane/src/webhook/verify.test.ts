import { expect, test } from "vitest";
import { comesFrom } from "./hook-spec.ts";
import { verify } from "./verify.ts";

const request = (headers: Readonly<Record<string, string>>, body: string, nowS: number) => ({
  headers,
  body: Buffer.from(body),
  pathSecret: undefined,
  nowMs: nowS * 1000,
});

test("the example of the Standard Webhooks specification is verified", () => {
  const headers = {
    "webhook-id": "msg_loFOjxBNrRLzqYUf",
    "webhook-timestamp": "1731705121",
    "webhook-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
  };
  const body = '{"event_type":"ping","data":{"success":true}}';
  const secret = "whsec_plJ3nmyCDGBKInavdOK15jsl";
  expect(verify({ scheme: "standard" }, request(headers, body, 1731705121), [secret])).toEqual({ kind: "verified" });
  expect(verify({ scheme: "standard" }, request(headers, `${body} `, 1731705121), [secret]).kind).toBe("refused");
});

test("the example of GitHub's documentation is verified, also with a secret before it", () => {
  const headers = { "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" };
  const secrets = ["the newest", "It's a Secret to Everybody"];
  expect(verify({ scheme: "github" }, request(headers, "Hello, World!", 0), secrets)).toEqual({ kind: "verified" });
  expect(verify({ scheme: "github" }, request(headers, "Hello, World!", 0), ["the newest"]).kind).toBe("refused");
});

test("no scheme is verified by nothing: no secret, no header, an empty signature", () => {
  for (const scheme of ["standard", "github", "gitlab", "stripe", "slack", "bearer", "none"] as const) {
    expect(verify({ scheme }, request({}, "{}", 0), []).kind, scheme).toBe("refused");
    expect(verify({ scheme }, request({}, "{}", 0), ["secret"]).kind, scheme).toBe("refused");
    const empty = Object.fromEntries(
      [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-hub-signature-256",
        "x-gitlab-token",
        "stripe-signature",
        "x-slack-signature",
        "x-slack-request-timestamp",
        "authorization",
      ].map((name) => [name, ""]),
    );
    expect(verify({ scheme }, request(empty, "{}", 0), ["secret"]).kind, scheme).toBe("refused");
  }
  expect(verify({ scheme: "hmac" }, request({}, "{}", 0), ["secret"]).kind).toBe("refused");
});

test("an address is in one of the networks or in none", () => {
  const networks = ["192.30.252.0/22", "2606:50c0::/32"];
  expect(["192.30.255.1", "2606:50c0::7"].map((address) => comesFrom(networks, address))).toEqual([true, true]);
  for (const address of ["192.31.0.1", "", "nonsense", "2606:50c1::1"])
    expect(comesFrom(networks, address), address).toBe(false);
  expect(comesFrom(undefined, "203.0.113.9")).toBe(true);
});
