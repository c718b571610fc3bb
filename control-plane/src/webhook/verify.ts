// Who sent a delivery: each scheme's own check, over the raw bytes.
//  V1. All secrets that are good are tried, and compared in constant time.
//  V2. Where a scheme signs a time it is at most five minutes away.
//  V3. Nothing of a delivery is parsed before it is verified.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { CanonicalWebhook, WebhookScheme } from "@capstan/proto";

export interface ReceivedRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Behind the address, for the scheme `none`. */
  readonly pathSecret: string | undefined;
  readonly nowMs: number;
}

export type Verified =
  | { readonly kind: "verified" }
  /** In words for the log; the sender is not told more than that it did not fit. */
  | { readonly kind: "refused"; readonly why: string };

const toleranceMs = 5 * 60_000;
const verified: Verified = { kind: "verified" };
const refused = (why: string): Verified => ({ kind: "refused", why });

type Check = (request: ReceivedRequest, secrets: readonly string[], hook: CanonicalWebhook) => Verified;

/** @param secrets those that are good now, the newest first */
export function verify(hook: CanonicalWebhook, request: ReceivedRequest, secrets: readonly string[]): Verified {
  if (secrets.length === 0) return refused("the webhook has no secret yet");
  return checks[hook.scheme](request, secrets, hook);
}

const checks: Readonly<Record<WebhookScheme, Check>> = {
  standard: ({ headers, body, nowMs }, secrets) => {
    const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": given } = headers;
    if (id === undefined || timestamp === undefined || given === undefined)
      return refused("webhook-id, webhook-timestamp or webhook-signature is missing");
    const signatures = given.split(" ").flatMap((part) => (part.startsWith("v1,") ? [part.slice(3)] : []));
    const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
    return timely(timestamp, nowMs, () =>
      matches(signatures, secrets, standardKey, (key) => mac("sha256", key, signed, "base64")),
    );
  },
  github: ({ headers, body }, secrets) => {
    const given = headers["x-hub-signature-256"];
    if (given === undefined) return refused("X-Hub-Signature-256 is missing");
    return matches([given], secrets, textKey, (key) => `sha256=${mac("sha256", key, body, "hex")}`);
  },
  gitlab: ({ headers }, secrets) => token(headers["x-gitlab-token"], secrets, "X-Gitlab-Token"),
  stripe: ({ headers, body, nowMs }, secrets) => {
    const parts = (headers["stripe-signature"] ?? "").split(",").map((part) => part.trim().split("=", 2));
    const timestamp = parts.find(([name]) => name === "t")?.[1];
    const signatures = parts.flatMap(([name, value]) => (name === "v1" && value !== undefined ? [value] : []));
    if (timestamp === undefined || signatures.length === 0) return refused("Stripe-Signature has no t or no v1");
    const signed = Buffer.concat([Buffer.from(`${timestamp}.`), body]);
    return timely(timestamp, nowMs, () =>
      matches(signatures, secrets, textKey, (key) => mac("sha256", key, signed, "hex")),
    );
  },
  slack: ({ headers, body, nowMs }, secrets) => {
    const { "x-slack-request-timestamp": timestamp, "x-slack-signature": given } = headers;
    if (timestamp === undefined || given === undefined)
      return refused("X-Slack-Request-Timestamp or X-Slack-Signature is missing");
    const signed = Buffer.concat([Buffer.from(`v0:${timestamp}:`), body]);
    return timely(timestamp, nowMs, () =>
      matches([given], secrets, textKey, (key) => `v0=${mac("sha256", key, signed, "hex")}`),
    );
  },
  hmac: ({ headers, body, nowMs }, secrets, { hmac }) => {
    if (hmac === undefined) return refused("the webhook does not say how it is signed");
    const { header, algorithm, encoding, prefix = "", timestampHeader } = hmac;
    const given = headers[header.toLowerCase()];
    if (given === undefined) return refused(`${header} is missing`);
    const timestamp = timestampHeader === undefined ? undefined : headers[timestampHeader.toLowerCase()];
    if (timestampHeader !== undefined && timestamp === undefined) return refused(`${timestampHeader} is missing`);
    const signed = timestamp === undefined ? body : Buffer.concat([Buffer.from(`${timestamp}.`), body]);
    const check = (): Verified =>
      matches([given], secrets, textKey, (key) => `${prefix}${mac(algorithm, key, signed, encoding)}`);
    return timestamp === undefined ? check() : timely(timestamp, nowMs, check);
  },
  bearer: ({ headers }, secrets) =>
    token(/^Bearer +(\S+)$/i.exec(headers["authorization"] ?? "")?.[1], secrets, "Authorization: Bearer"),
  none: ({ pathSecret }, secrets) => token(pathSecret, secrets, "the secret of the address"),
};

const mac = (algorithm: "sha256" | "sha512", key: Buffer, signed: Buffer, encoding: "hex" | "base64"): string =>
  createHmac(algorithm, key).update(signed).digest(encoding);

const textKey = (secret: string): Buffer => Buffer.from(secret);
/** Standard Webhooks: the bytes behind `whsec_`, in base64. */
const standardKey = (secret: string): Buffer => Buffer.from(secret.replace(/^whsec_/, ""), "base64");

function matches(
  given: readonly string[],
  secrets: readonly string[],
  keyOf: (secret: string) => Buffer,
  expected: (key: Buffer) => string,
): Verified {
  let isRight = false;
  for (const secret of secrets) {
    const right = expected(keyOf(secret));
    for (const signature of given) isRight = same(signature, right) || isRight;
  }
  return isRight ? verified : refused("the signature does not fit");
}

function token(given: string | undefined, secrets: readonly string[], name: string): Verified {
  if (given === undefined) return refused(`${name} is missing`);
  let isRight = false;
  for (const secret of secrets) isRight = same(given, secret) || isRight;
  return isRight ? verified : refused(`${name} does not fit`);
}

/** Of texts of any length, in a time that says nothing of where they differ. */
function same(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function timely(timestamp: string, nowMs: number, check: () => Verified): Verified {
  if (!/^[0-9]{1,12}$/.test(timestamp)) return refused("its time is no number of seconds");
  const awayMs = Math.abs(nowMs - Number(timestamp) * 1000);
  if (awayMs > toleranceMs) return refused(`its time is ${Math.round(awayMs / 1000)} s away; 300 s may be`);
  return check();
}
