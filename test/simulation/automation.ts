// What a replica of a world with automation has besides: schedules, triggers, the relay of ended runs, the cache,
// variables and operations on many runs. The product's own loops and starters, on the simulated ports.
import { AppError, uuidFromId } from "@capstan/proto";
import { answerCache } from "../../control-plane/src/cache/answer-cache.ts";
import type { CommitLoop } from "../../control-plane/src/commit/commit-loop.ts";
import type { CommitSignals } from "../../control-plane/src/commit/commit-signals.ts";
import type { SpecialTimer } from "../../control-plane/src/commit/timer-loop.ts";
import type { Loop } from "../../control-plane/src/dispatch/loop.ts";
import type { Scheduler } from "../../control-plane/src/dispatch/scheduler.ts";
import type { OperationStore } from "../../control-plane/src/operation/operation.store.ts";
import { operationLoop } from "../../control-plane/src/operation/operation-loop.ts";
import { relayLoop } from "../../control-plane/src/relay/relay-loop.ts";
import type { RunRecord } from "../../control-plane/src/run/run.store.ts";
import type { RunService } from "../../control-plane/src/run/run.service.ts";
import { scheduleLoop } from "../../control-plane/src/schedule-loop.ts";
import type { ScheduleStore } from "../../control-plane/src/schedule/schedule.store.ts";
import { TickStarter } from "../../control-plane/src/schedule/tick-starter.ts";
import { unchangedVersions } from "../../control-plane/src/testing/unchanged-versions.ts";
import { AgainService } from "../../control-plane/src/trigger/again.service.ts";
import type { EarlyRuns } from "../../control-plane/src/trigger/early-run.ts";
import { TriggerStarter } from "../../control-plane/src/trigger/trigger-starter.ts";
import type { WorkflowEditions } from "../../control-plane/src/workflow/editions.ts";
import type { StorePaths } from "../../control-plane/src/workflow/store-paths.ts";
import type { AutomationStores } from "./automation-stores.ts";
import type { LookKind } from "./idle-loops.ts";
import { isUnavailable } from "./sim-connection.ts";
import type { SimDatabase } from "./sim-database.ts";
import type { SimStores } from "./sim-stores.ts";

interface AutomationParts {
  readonly database: SimDatabase;
  readonly commit: CommitLoop;
  readonly snapshots: SimStores;
  readonly stores: AutomationStores;
  readonly editions: WorkflowEditions;
  readonly early: EarlyRuns;
  readonly signals: CommitSignals;
  readonly newId: () => string;
  readonly log: Parameters<typeof scheduleLoop>[3];
  readonly looks: (kind: LookKind) => Scheduler;
}

interface Automation {
  readonly loops: readonly Loop[];
  readonly special: readonly (readonly [string, SpecialTimer])[];
}

export function automationOf(parts: AutomationParts): Automation {
  const { commit, stores, editions, early, signals, log, looks, newId } = parts;
  // Of the stores and services only what these stages call is there.
  const schedules = stores.schedules as ScheduleStore;
  const ticks = new TickStarter(commit, schedules, editions, early);
  const triggers = new TriggerStarter({ commit, store: stores.deliveries, editions, early, isUnavailable, log });
  const again = new AgainService({
    runs: { find: (_project: unknown, id: string) => recordOf(parts, id) } as unknown as RunService,
    editions,
    commit,
    snapshots: parts.snapshots,
    paths: {} as unknown as StorePaths, // no simulated output is a file
    audit: { append: () => Promise.resolve() },
    early,
    versions: unchangedVersions,
  });
  return {
    loops: [
      scheduleLoop(schedules, ticks, newId, log, looks("schedules")),
      relayLoop(stores.relay, signals, () => undefined, log, looks("relay")),
      operationLoop({
        store: stores.operations as OperationStore,
        runs: { cancel: (project, id, by) => cancel(parts, project.id, id, by) },
        again,
        isUnavailable,
        log,
        scheduler: looks("operations"),
      }),
    ],
    special: [
      ["cache", (timer) => answerCache(stores.cache, timer)],
      ["schedule_start", (timer) => ticks.start(timer)],
      ["trigger_start", (timer) => triggers.start(timer).then(() => undefined)],
    ],
  };
}

/** The part of a stored run that a retry reads. */
async function recordOf({ stores, database }: AutomationParts, id: string): Promise<RunRecord> {
  const run = await stores.look("run", () => database.runs.get(uuidFromId("run", id) ?? ""));
  if (run === undefined) throw new AppError("not_found", `There is no run ${id}.`);
  const { document, digest } = run.plan;
  const { workflowId, number, state, inputs, labels, trigger } = run;
  const record = { id: run.id, workflowId, workflow: document.name, number, digest, state, inputs, labels, trigger };
  return record as unknown as RunRecord; // the rest is for views
}

/** run.service.ts, `cancel`, without what it tells people. */
async function cancel(
  parts: AutomationParts,
  projectId: string,
  id: string,
  { actor, reason, force }: Parameters<RunService["cancel"]>[2],
): ReturnType<RunService["cancel"]> {
  const { id: runId, workflow, state } = await recordOf(parts, id);
  if (["succeeded", "failed", "timed_out"].includes(state))
    throw new AppError("state_conflict", `${workflow} has ended as ${state}.`);
  if (state === "cancelled") return { run: workflow, state, already: true };
  const outcome = await parts.commit.submit(projectId, runId, { kind: "cancel_run", actor, reason, force });
  if (outcome.kind !== "accepted" && outcome.kind !== "duplicate")
    throw new AppError("state_conflict", `the cancel of ${workflow} came to ${outcome.kind}`);
  return { run: workflow, state: "cancelling", already: false };
}
