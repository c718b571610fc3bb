// What is frozen with a run beside its inputs: its priority, its fairness key and its concurrency group.
import { AppError, idFromUuid, type CanonicalWorkflow } from "@capstan/proto";
import type { StartOutcome } from "../commit/commit.ts";
import { groupOf } from "../engine/concurrency.ts";
import { orderOf } from "../engine/order.ts";
import type { RunValues } from "../engine/vars.ts";

/** The priority of a run with these values. @throws inputs_invalid where it or a key cannot be evaluated */
export function priorityOfRun(document: CanonicalWorkflow, values: RunValues): number {
  const order = orderOf(document, values);
  if (order.kind === "error") throw new AppError("inputs_invalid", order.message);
  try {
    groupOf(document, "", values);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "it cannot be evaluated";
    throw new AppError("inputs_invalid", `concurrency.key: ${why}`, { cause });
  }
  return order.priority;
}

/** What a refused start is told. */
export function refusedStart(
  workflow: string,
  outcome: Extract<StartOutcome, { kind: "limit_reached" | "queue_full" }>,
): AppError {
  const { limit, queuedMax, active, waiting } = outcome;
  const holders = outcome.holders.map((id) => idFromUuid("run", id));
  if (outcome.kind === "limit_reached") {
    return new AppError(
      "limit_reached",
      `${active} of ${limit} runs of ${workflow} with this key go on, and its concurrency skips further ones. No run was made.`,
      { evidence: { limit, active, holders } },
    );
  }
  return new AppError(
    "queue_full",
    `${waiting} runs of ${workflow} with this key wait already, which is all that may (maxQueued: ${queuedMax}). No run was made.`,
    { retryAfterMs: 5_000, evidence: { limit, active, waiting, max: queuedMax, holders } },
  );
}
