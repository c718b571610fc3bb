// One try to deliver a message, by Standard Webhooks, and what follows from its answer.
import { createHmac } from "node:crypto";
import type { JsonObject } from "@capstan/proto";
import type { Egress, EgressAnswer } from "../egress/egress.ts";
import type { ClaimedMessage, Try, TryOutcome } from "./endpoint.store.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
/** Pauses after the first try and each that follows; when they are used up, the message has failed. */
export const pausesMs = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
];
/** The standard asks for 15 to 30 s. */
const answerMs = 20 * second;
const waitable = new Set([429, 502, 503, 504]);

/** `webhook-signature`: one for each secret that is good, the newest first. */
export function signatures(id: string, timestamp: string, body: string, secrets: readonly string[]): string {
  return secrets
    .map((secret) => {
      const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
      return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
    })
    .join(" ");
}

/** CloudEvents 1.0, structured: the same event under the same id, as other tools read it. */
export function cloudEvent(
  { subject, payload }: Pick<ClaimedMessage, "subject" | "payload">,
  { messageId, publicUrl }: { readonly messageId: string; readonly publicUrl: string },
): JsonObject {
  // Each payload is made by us with these fields.
  const { type, timestamp, data } = payload as {
    type: string;
    timestamp: string;
    data: JsonObject & { project: string };
  };
  return {
    specversion: "1.0",
    id: messageId,
    type: `dev.capstan.${type}.v1`,
    source: `${publicUrl}/projects/${encodeURIComponent(data.project)}`,
    subject,
    time: timestamp,
    datacontenttype: "application/json",
    data,
  };
}

export interface Tried {
  readonly tried: Try;
  readonly outcome: TryOutcome;
}

/** Never throws: what goes wrong is what is recorded. */
export async function trySend(
  message: Pick<ClaimedMessage, "url" | "format" | "subject" | "payload" | "attempt">,
  given: {
    readonly egress: Pick<Egress, "send">;
    /** `msg_…`, the same in every try. */
    readonly messageId: string;
    /** Our own address, for `source` of a CloudEvent. */
    readonly publicUrl: string;
    readonly secrets: readonly string[];
    readonly nowMs: number;
    /** From 0 to 1. */
    readonly random: number;
  },
): Promise<Tried> {
  const { egress, messageId, secrets, nowMs, random } = given;
  const { url, attempt, format } = message;
  const body = JSON.stringify(format === "cloudevents" ? cloudEvent(message, given) : message.payload);
  const timestamp = String(Math.floor(nowMs / 1000));
  const at = new Date(nowMs).toISOString();
  const again = (askedMs: number): TryOutcome => {
    const pauseMs = pausesMs[attempt - 1];
    if (pauseMs === undefined) return { kind: "failed" };
    return {
      kind: "again",
      afterMs: Math.max(Math.round(pauseMs * (0.8 + 0.4 * random)), Math.min(askedMs, 24 * hour)),
    };
  };
  let answer: EgressAnswer;
  try {
    answer = await egress.send(url, {
      method: "POST",
      headers: {
        "content-type": format === "cloudevents" ? "application/cloudevents+json" : "application/json",
        "user-agent": "capstan",
        "webhook-id": messageId,
        "webhook-timestamp": timestamp,
        "webhook-signature": signatures(messageId, timestamp, body, secrets),
      },
      body,
      timeoutMs: answerMs,
    });
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 300) : "it cannot be reached";
    return { tried: { at, status: null, error: why }, outcome: again(0) };
  }
  const { status } = answer;
  const tried: Try = { at, status, error: null };
  if (status >= 200 && status < 300) return { tried, outcome: { kind: "delivered" } };
  if (status === 410) return { tried, outcome: { kind: "failed", disable: "it answered 410: it is gone" } };
  return { tried, outcome: again(waitable.has(status) ? retryAfterMs(answer.retryAfter, nowMs) : 0) };
}

/** Seconds or a date; 0 where it says nothing that can be read. */
export function retryAfterMs(header: string | undefined, nowMs: number): number {
  if (header === undefined) return 0;
  if (/^\d{1,7}$/.test(header)) return Number(header) * second;
  const at = Date.parse(header);
  return Number.isNaN(at) ? 0 : Math.max(0, at - nowMs);
}
