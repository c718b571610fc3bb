// agent ⇄ runner: JSON lines over a Unix socket (0600), versioned by itself, because an upgraded agent adopts older
// runners.
//  N1. The first line of a connection is `auth`; a wrong secret ends it without an answer.
//  N2. Everything may be sent twice: attempts are named by (attempt, epoch), and the first effect stands.
//  N3. The runner keeps a result until `retire` says that the agent's journal has it.
import { z } from "zod";
import { attemptIdSchema, atMsSchema, countSchema, epochSchema, textSchema } from "../agent/attempt-ref.ts";
import { offeredAttemptSchema } from "../agent/offer.ts";
import { attemptEventTypes, finishItemSchema } from "../agent/report.ts";
import { jsonObjectSchema } from "../agent/offer.ts";

export const runnerProtocolVersion = 1;
export const runnerLineBytesMax = 4 * 1024 * 1024;

/** The three clocks of a host, in milliseconds, read together (`S(n)` of docs/protocol.md, "Terms"). */
export const clockReadingSchema = z.object({
  /** Monotonic; stands still while the host sleeps. */
  monoMs: z.number(),
  /** Since boot, sleep included. */
  bootMs: z.number(),
  wallMs: z.number(),
});
export type ClockReading = z.infer<typeof clockReadingSchema>;

/** The largest of the three differences since a reading. */
export const elapsedMs = (since: ClockReading, now: ClockReading): number =>
  Math.max(now.monoMs - since.monoMs, now.bootMs - since.bootMs, now.wallMs - since.wallMs);

const fence = { attempt: attemptIdSchema, epoch: epochSchema };
export const stopReasonSchema = z.enum(["cancelled", "timeout", "lease_over", "drain", "abandoned"]);
export type StopReason = z.infer<typeof stopReasonSchema>;

export const runnerCommandSchema = z.discriminatedUnion("t", [
  z.object({ t: z.literal("auth"), version: z.int(), secret: textSchema(128) }),
  z.object({
    t: z.literal("take"),
    offer: offeredAttemptSchema,
    /** Origin of the lease: S(n) of the heartbeat that the offer named. */
    base: clockReadingSchema,
    /** The version's canonical document on local disk, checked against its digest. */
    documentPath: textSchema(4096),
    bundle: z.object({ path: textSchema(4096), sha256: textSchema(64) }).optional(),
    /** Where classified files and logs are kept; present for versions that declare classes. */
    store: z.object({ id: textSchema(64), folder: textSchema(4096) }).optional(),
  }),
  /** An acknowledged S(m): extends every attempt whose stop has not begun. Also sent to the lease thread's socket. */
  z.object({ t: z.literal("renew"), base: clockReadingSchema }),
  z.object({ t: z.literal("cancel"), ...fence, reason: stopReasonSchema, graceMs: countSchema }),
  /** Log bytes that the control plane has; a blocked task may go on. */
  z.object({ t: z.literal("drained"), attempt: attemptIdSchema, bytes: countSchema }),
  z.object({ t: z.literal("watch"), attempts: z.array(attemptIdSchema) }),
  /** The result is journalled: forget the attempt. */
  z.object({ t: z.literal("retire"), ...fence }),
  z.object({ t: z.literal("file"), n: z.int(), path: textSchema(4096).optional(), error: textSchema(2048).optional() }),
  /** Take nothing new and end when empty. */
  z.object({ t: z.literal("leave") }),
]);
export type RunnerCommand = z.infer<typeof runnerCommandSchema>;

export const runnerAttemptSchema = z.object({
  ...fence,
  phase: z.enum(["taken", "running", "stopping", "finished"]),
  startedMs: atMsSchema.optional(),
  eventSeq: countSchema,
  producedBytes: countSchema,
  task: textSchema(160),
});
export type RunnerAttempt = z.infer<typeof runnerAttemptSchema>;

export const runnerReportSchema = z.discriminatedUnion("t", [
  /** Answer to `auth`: what the runner stands for. */
  z.object({ t: z.literal("state"), version: z.int(), pid: z.int(), attempts: z.array(runnerAttemptSchema) }),
  z.object({ t: z.literal("started"), ...fence, atMs: atMsSchema }),
  z.object({
    t: z.literal("event"),
    ...fence,
    seq: z.int().min(1),
    atMs: atMsSchema,
    type: z.enum(attemptEventTypes),
    body: jsonObjectSchema,
  }),
  /** The spool has grown to `bytes` of the canonical stream. */
  z.object({ t: z.literal("logged"), ...fence, bytes: countSchema }),
  z.object({ t: z.literal("stopping"), ...fence, reason: stopReasonSchema }),
  z.object({ t: z.literal("done"), finish: finishItemSchema, eventSeq: countSchema }),
  z.object({
    t: z.literal("file"),
    n: z.int(),
    attempt: attemptIdSchema,
    do: z.enum(["download", "upload"]),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    size: countSchema,
    path: textSchema(4096).optional(),
  }),
]);
export type RunnerReport = z.infer<typeof runnerReportSchema>;

/** `runner.json` beside a runner's socket: how a restarted agent finds and proves it again. 0600. */
export const runnerRecordSchema = z.object({
  version: z.int(),
  pid: z.int(),
  /** Start time of the process in clock ticks since boot, field 22 of `/proc/<pid>/stat`; 0 where there is none. */
  startTicks: z.number(),
  bootId: textSchema(128),
  /** 32 random bytes, hex. */
  secret: z.string().regex(/^[0-9a-f]{64}$/),
  socket: textSchema(4096),
  leaseSocket: textSchema(4096),
  /** The cgroup under which the runner's attempts live, or empty. */
  cgroup: textSchema(4096),
});
export type RunnerRecord = z.infer<typeof runnerRecordSchema>;
