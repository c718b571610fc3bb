// An offer from a committed attempt: what the agent needs, and no more.
import { runName, secretNames, type JsonObject } from "@capstan/proto";
import type { OfferedAttempt } from "../dispatch/sessions.ts";
import type { AttemptRow } from "../engine/draft.ts";
import type { PlanTask } from "../engine/plan.ts";
import { releaseOf } from "../engine/declassify.ts";
import { groupAt, type Run, type TaskRun } from "../engine/snapshot.ts";

const secretsOf = new WeakMap<PlanTask, readonly string[]>();

export function makeOffer(
  run: Run,
  planTask: PlanTask,
  task: TaskRun,
  attempt: AttemptRow,
  inputs: JsonObject,
): OfferedAttempt {
  let secrets = secretsOf.get(planTask);
  if (secrets === undefined) {
    secrets = secretNames(run.plan.document, planTask.key);
    secretsOf.set(planTask, secrets);
  }
  const release = releaseOf(task);
  return {
    seq: attempt.seq,
    attemptId: attempt.id,
    epoch: attempt.epoch,
    taskRunId: task.id,
    runId: run.id,
    runName: runName(run.plan.document.name, run.number),
    project: run.project,
    projectId: run.projectId,
    task: planTask.key,
    index: task.position - (groupAt(run, task.position)?.base ?? task.position),
    number: attempt.number,
    specDigest: run.plan.digest,
    workflowId: run.workflowId,
    ...(release === undefined ? { inputs } : { inputs: {}, release }),
    leaseMs: planTask.leaseMs,
    onLeaseEnd: planTask.task.onLeaseEnd ?? "stop",
    ...(planTask.timeoutMs === undefined ? {} : { timeoutMs: planTask.timeoutMs }),
    graceMs: planTask.graceMs,
    secrets,
    ...(planTask.slots === 1 && planTask.takes === undefined
      ? {}
      : { resources: { slots: planTask.slots, ...planTask.takes } }),
  };
}
