// Acts on the runs of operations, one by one, until each row says what came of it. What fails for now stays open: its
// claim runs out, and the next look takes it again.
import type { Logger } from "pino";
import { AppError, errorEntry, idFromUuid, type Role } from "@capstan/proto";
import { Loop } from "../dispatch/loop.ts";
import { realScheduler, type Scheduler } from "../dispatch/scheduler.ts";
import { requestHash } from "../http/request-hash.ts";
import type { ProjectScope } from "../http/request-context.ts";
import type { RunService } from "../run/run.service.ts";
import type { AgainService } from "../trigger/again.service.ts";
import type { ClaimedRun, OperationStore, RunOutcome } from "./operation.store.ts";

const batchMax = 50;
const claimMs = 30_000;

export interface OperationParts {
  readonly store: OperationStore;
  readonly runs: Pick<RunService, "cancel">;
  readonly again: Pick<AgainService, "retry" | "rerun">;
  /** True for errors that mean "the database cannot be reached now". */
  readonly isUnavailable: (error: unknown) => boolean;
  readonly log: Logger;
  readonly scheduler?: Scheduler;
}

export const operationLoop = (parts: OperationParts): Loop =>
  new Loop({
    scheduler: parts.scheduler ?? realScheduler,
    name: "operations",
    everyMs: 1_000,
    log: parts.log,
    round: async () => {
      const claimed = await parts.store.claim(batchMax, claimMs);
      if (claimed.length === 0) return false;
      const outcomes = await Promise.all(claimed.map((run) => outcomeOf(parts, run)));
      await parts.store.settle(outcomes.filter((outcome) => outcome !== undefined));
      return claimed.length === batchMax;
    },
  });

/** What came of it; undefined where it may be tried again. */
async function outcomeOf(parts: OperationParts, run: ClaimedRun): Promise<RunOutcome | undefined> {
  try {
    const detail = await act(parts, run);
    return { run, outcome: "done", ...(detail === undefined ? {} : { detail }) };
  } catch (error) {
    if (error instanceof AppError) {
      if (errorEntry(error.code)?.retryable === true) return undefined;
      return { run, outcome: "refused", code: error.code, detail: error.message };
    }
    if (parts.isUnavailable(error)) return undefined;
    parts.log.error({ err: error, operation: run.operationId, run: run.runId }, "operation failed on a run");
    return { run, outcome: "refused", code: "internal", detail: "an error of the server; its log says more" };
  }
}

async function act({ runs, again }: OperationParts, run: ClaimedRun): Promise<string | undefined> {
  const { actor, options } = run;
  // The permission was asked for when the operation was; here its role says no more than where it works.
  const role: Role = "project_admin";
  const project: ProjectScope = { id: run.projectId, name: run.project, role };
  const id = idFromUuid("run", run.runId);
  const place = `${run.operationId}/${run.runId}`;
  const idempotency = {
    caller: run.caller,
    key: `operation ${place}`,
    requestSha256: requestHash("POST", `${run.projectId}/operations/${place}`, options),
  };
  switch (run.action) {
    case "cancel":
      await runs.cancel(project, id, {
        actor,
        reason: options.reason ?? "",
        force: options.force === true,
        graceMs: undefined,
      });
      return undefined;
    case "retry": {
      const request = {
        mode: options.mode ?? "failed",
        from: undefined,
        marks: {},
        version: options.version ?? "same",
      } as const;
      return startedRun(await again.retry(project, id, actor, request, idempotency));
    }
    case "rerun":
      return startedRun(await again.rerun(project, id, { actor, kind: "api" }, options.version ?? "same", idempotency));
  }
}

function startedRun({ outcome }: Awaited<ReturnType<AgainService["rerun"]>>): string | undefined {
  return outcome.kind === "started" || outcome.kind === "replayed" ? idFromUuid("run", outcome.runId) : undefined;
}
