// An attempt of the dispatcher as the agent reads it.
import { idFromUuid, type ControlBody } from "@capstan/proto";
import type { OfferedAttempt } from "../dispatch/sessions.ts";

type WireAttempt = ControlBody<"offer">["attempts"][number];

/** Trace id: the run's UUID. Parent span: the last eight bytes of the attempt's, which are random. */
const traceparent = (runId: string, attemptId: string): string =>
  `00-${runId.replaceAll("-", "")}-${attemptId.slice(19, 23)}${attemptId.slice(24)}-01`;

export const wireAttempt = (offer: OfferedAttempt): WireAttempt => ({
  seq: offer.seq,
  attempt: idFromUuid("att", offer.attemptId),
  epoch: offer.epoch,
  taskRun: idFromUuid("tr", offer.taskRunId),
  run: idFromUuid("run", offer.runId),
  runName: offer.runName,
  project: offer.project,
  task: offer.task,
  index: offer.index,
  number: offer.number,
  specDigest: offer.specDigest,
  inputs: offer.inputs,
  leaseMs: offer.leaseMs,
  onLeaseEnd: offer.onLeaseEnd,
  ...(offer.timeoutMs === undefined ? {} : { timeoutMs: offer.timeoutMs }),
  graceMs: offer.graceMs,
  isolation: "L0",
  secrets: [...offer.secrets],
  ...(offer.release === undefined ? {} : { release: idFromUuid("att", offer.release) }),
  traceparent: traceparent(offer.runId, offer.attemptId),
  ...(offer.resources === undefined ? {} : { resources: offer.resources }),
});
