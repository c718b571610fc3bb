import { expect, test } from "vitest";
import type { EgressRequest } from "../egress/egress.ts";
import { pausesMs, retryAfterMs, trySend } from "./send.ts";

const message = (attempt: number) => ({
  url: "https://example.com",
  format: "standard" as const,
  subject: "runs/run_1",
  payload: { type: "test", timestamp: "2026-11-28T10:04:31.412Z", data: { project: "sales" } },
  attempt,
});
const answering = (status: number, retryAfter?: string) => ({
  egress: { send: async () => ({ status, text: "", ...(retryAfter === undefined ? {} : { retryAfter }) }) },
  messageId: "msg_1",
  publicUrl: "https://capstan.example.org",
  secrets: ["whsec_AAAA"],
  nowMs: 0,
  random: 0.5,
});

test("the pauses are those of the design, within a fifth, and then the message has failed", async () => {
  expect(pausesMs.map((ms) => ms / 1000)).toEqual([5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
  for (const [index, pauseMs] of pausesMs.entries()) {
    for (const [random, factor] of [
      [0, 0.8],
      [1, 1.2],
    ] as const) {
      const { outcome } = await trySend(message(index + 1), { ...answering(500), random });
      expect(outcome).toEqual({ kind: "again", afterMs: pauseMs * factor });
    }
  }
  expect((await trySend(message(10), answering(500))).outcome).toEqual({ kind: "failed" });
});

test("Retry-After counts where the standard says so, as seconds or a date, and never shortens a pause", async () => {
  const after = async (status: number, header: string) =>
    (await trySend(message(1), answering(status, header))).outcome;
  expect(await after(429, "60")).toEqual({ kind: "again", afterMs: 60_000 });
  expect(await after(503, "1")).toEqual({ kind: "again", afterMs: 5_000 });
  expect(await after(500, "60")).toEqual({ kind: "again", afterMs: 5_000 });
  expect(await after(503, "9999999")).toEqual({ kind: "again", afterMs: 86_400_000 });
  expect(retryAfterMs("Thu, 01 Jan 1970 00:00:10 GMT", 4_000)).toBe(6_000);
  expect(retryAfterMs("soon", 0)).toBe(0);
});

test("what cannot be sent is tried again; a redirect is no success", async () => {
  const egress = { send: () => Promise.reject(new Error("no way there")) };
  expect(await trySend(message(1), { ...answering(0), egress })).toMatchObject({
    tried: { status: null, error: "no way there" },
    outcome: { kind: "again" },
  });
  expect((await trySend(message(1), answering(302))).outcome.kind).toBe("again");
  expect((await trySend(message(1), answering(299))).outcome).toEqual({ kind: "delivered" });
});

test("as a CloudEvent it says what it is, where it is from and about whom, under the id of the message", async () => {
  const sent: EgressRequest[] = [];
  const egress = {
    send: async (_: string, request: EgressRequest = {}) => {
      sent.push(request);
      return { status: 200, text: "" };
    },
  };
  await trySend({ ...message(1), format: "cloudevents" }, { ...answering(200), egress });
  const [request] = sent;
  expect(request?.headers).toMatchObject({ "content-type": "application/cloudevents+json", "webhook-id": "msg_1" });
  expect(JSON.parse(String(request?.body))).toEqual({
    specversion: "1.0",
    id: "msg_1",
    type: "dev.capstan.test.v1",
    source: "https://capstan.example.org/projects/sales",
    subject: "runs/run_1",
    time: "2026-11-28T10:04:31.412Z",
    datacontenttype: "application/json",
    data: { project: "sales" },
  });
});
