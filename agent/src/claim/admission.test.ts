import { idFromUuid, uuidV7, type OfferedAttempt } from "@capstan/proto";
import { expect, test } from "vitest";
import { admit, type AdmissionState } from "./admission.ts";

const offer: OfferedAttempt = {
  seq: 1,
  attempt: idFromUuid("att", uuidV7(1, new Uint8Array(10))),
  epoch: 1,
  taskRun: "tr",
  run: "run",
  runName: "a-1",
  project: "p",
  task: "t",
  index: 0,
  number: 1,
  specDigest: `sha256:${"0".repeat(64)}`,
  inputs: {},
  leaseMs: 60_000,
  onLeaseEnd: "stop",
  graceMs: 10_000,
  isolation: "L0",
  secrets: [],
  traceparent: "",
};
const at = (ms: number) => ({ monoMs: ms, bootMs: ms, wallMs: ms });
const state: AdmissionState = {
  now: at(14_999),
  base: at(0),
  heartbeatMs: 10_000,
  free: 1,
  room: { cpu: 4, memoryBytes: 8 * 1024 ** 3, gpu: 0, diskBytes: 1024 ** 4 },
  isStopping: false,
  isDiskFull: false,
  isolation: ["L0"],
  isCancelled: false,
};

test("an offer starts only while its heartbeat is younger than three heartbeats and a quarter of the lease", () => {
  expect(admit(offer, state)).toEqual({ kind: "start", base: at(0) });
  expect(admit(offer, { ...state, now: at(15_000) })).toMatchObject({ kind: "reject", reason: "offer_stale" });
  expect(admit({ ...offer, leaseMs: 300_000 }, { ...state, now: at(29_999) }).kind).toBe("start");
  expect(admit({ ...offer, leaseMs: 300_000 }, { ...state, now: at(30_000) }).kind).toBe("reject");
  expect(admit(offer, { ...state, base: undefined })).toMatchObject({ reason: "offer_stale" });
});

test("a host that slept between heartbeat and offer starts nothing", () => {
  expect(admit(offer, { ...state, now: { monoMs: 10, bootMs: 20_000, wallMs: 10 } })).toMatchObject({
    reason: "offer_stale",
  });
});

test.each([
  ["no_slot", { free: 0 }],
  ["agent_stopping", { isStopping: true }],
  ["agent_stopping", { isCancelled: true }],
  ["disk_full", { isDiskFull: true }],
  ["isolation_unavailable", { isolation: ["L1"] }],
] as const)("%s is told, and another agent may try", (reason, change) => {
  expect(admit(offer, { ...state, ...change })).toMatchObject({ kind: "reject", reason, elsewhere: true });
});

test("what an attempt takes must be free: its slots, and what it takes of the host", () => {
  const takes = (resources: OfferedAttempt["resources"], free = 1) =>
    admit({ ...offer, resources }, { ...state, free });
  expect(takes({ slots: 2 })).toMatchObject({ reason: "no_slot", detail: "2 slots are not free" });
  expect(takes({ slots: 2 }, 2).kind).toBe("start");
  expect(takes({ slots: 1, cpu: 4, memoryBytes: 8 * 1024 ** 3 }).kind).toBe("start");
  expect(takes({ slots: 1, cpu: 4.5 })).toMatchObject({
    reason: "no_slot",
    detail: "4.5 cpu is wanted; 4 cpu is left",
  });
  expect(takes({ slots: 1, gpu: 1 })).toMatchObject({ detail: "1 gpu is wanted; 0 gpu is left" });
});
