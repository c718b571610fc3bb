// Retry and rerun: a new run that is linked to an earlier one. The earlier run is read as the engine sees it; what of it is
// re-used is the engine's decision (`engine/again.ts`).
import { access } from "node:fs/promises";
import { AppError, isRunEnded, runName, type JsonObject, type Permission } from "@capstan/proto";
import type { Audit } from "../audit/entry.ts";
import type { CommitStore } from "../commit/commit.store.ts";
import type { Commit, StartOutcome, StartRun } from "../commit/commit.ts";
import { filesOf, planAgain, type AgainMode, type RunOrigin } from "../engine/again.ts";
import { problemOfMark } from "../engine/mark.ts";
import type { Mark } from "../engine/marked.ts";
import { keepIndexes } from "../engine/index-reuse.ts";
import { compilePlan, type Plan } from "../engine/plan.ts";
import type { Run } from "../engine/snapshot.ts";
import type { ProjectScope } from "../http/request-context.ts";
import type { RunService } from "../run/run.service.ts";
import type { RunRecord } from "../run/run.store.ts";
import type { RunVersions } from "../workflow/run-versions.ts";
import type { NumberedEdition, WorkflowEditions } from "../workflow/editions.ts";
import type { StorePaths } from "../workflow/store-paths.ts";
import type { EarlyRuns } from "./early-run.ts";
import { completeInputs } from "./inputs.ts";
import { completeLabels } from "./labels.ts";

export interface AgainParts {
  readonly runs: RunService;
  readonly editions: WorkflowEditions;
  readonly commit: Commit;
  readonly snapshots: Pick<CommitStore, "loadRuns">;
  readonly paths: StorePaths;
  readonly audit: Audit;
  readonly early: Pick<EarlyRuns, "prepare">;
  readonly versions: Pick<RunVersions, "changed" | "tell">;
}

export interface RetryRequest {
  readonly mode: AgainMode;
  /** Key of the task to begin with, for `from`. */
  readonly from: string | undefined;
  readonly marks: Readonly<Record<string, Omit<Mark, "actor">>>;
  readonly version: "same" | "latest";
}

type Idempotency = StartRun["idempotency"];

/** Where a row asks for the retry: what its start claims, and what its trigger has more. */
interface AskedAgain extends Pick<StartRun, "runId" | "claim"> {
  readonly trigger: JsonObject;
}

export interface StartedAgain {
  readonly edition: NumberedEdition;
  readonly outcome: StartOutcome;
}

export class AgainService {
  private readonly parts: AgainParts;

  constructor(parts: AgainParts) {
    this.parts = parts;
  }

  /** @throws not_found state_conflict not_reusable inputs_invalid output_missing output_invalid */
  async retry(
    project: ProjectScope,
    run: string,
    actor: string,
    request: RetryRequest,
    idempotency: Idempotency,
    asked?: AskedAgain,
  ): Promise<StartedAgain> {
    const record = await this.parts.runs.find(project, run);
    const name = runName(record.workflow, record.number);
    if (!isRunEnded(record.state)) {
      throw new AppError(
        "state_conflict",
        `${name} is ${record.state}. A retry is of a run that has ended; a task of it that waits for its next attempt is tried at once by capstan retry ${name}/TASK.`,
        { evidence: { state: record.state } },
      );
    }
    const edition = await this.edition(project, record, request.version, actor);
    const [earlier] = await this.parts.snapshots.loadRuns([{ projectId: project.id, runId: record.id }]);
    if (earlier === undefined) throw new AppError("not_found", `There is no run ${run} in project ${project.name}.`);
    const plan = compilePlan(edition.digest, edition.document);
    const attempt = (earlier.origin?.attempt ?? 1) + 1;
    const scheduledMs = earlier.origin?.scheduledMs ?? earlier.createdMs;
    const before = await this.parts.early.prepare({
      edition,
      labels: earlier.labels,
      runId: asked?.runId,
      repeats: { trigger: earlier.trigger, attempt, scheduledMs },
    });
    const inputs =
      request.version === "same" ? earlier.inputs : completeInputs(edition.document, earlier.inputs, before);
    const marks = new Map<number, Mark>();
    for (const [key, mark] of Object.entries(request.marks)) {
      marks.set(positionOf(plan, edition, key), checked(plan, key, { ...mark, actor }));
    }
    const planned = planAgain({
      earlier,
      earlierName: name,
      plan,
      inputs,
      vars: before.vars,
      mode: request.mode,
      from: request.from === undefined ? undefined : positionOf(plan, edition, request.from),
      marks,
      filesGone: await this.filesGone(project, earlier),
    });
    if (planned.kind === "not_reusable") {
      const tasks = planned.tasks.map(({ task, why }) => `${task} (${why})`).join(", ");
      throw new AppError("not_reusable", `${name} cannot be retried from ${request.from ?? "there"}: ${tasks}.`, {
        evidence: { tasks: planned.tasks.map((one) => ({ ...one })) },
      });
    }
    const origin: RunOrigin = {
      kind: "retry",
      runId: record.id,
      name,
      actor,
      mode: request.mode,
      attempt,
      scheduledMs,
      ...keepIndexes(planned.indexes),
    };
    await this.parts.versions.tell(project, edition, actor);
    const outcome = await this.parts.commit.start({
      edition,
      inputs,
      labels: earlier.labels,
      trigger: { ...earlier.trigger, ...asked?.trigger, actor, ...before.kept },
      ...before.start,
      ...(asked === undefined
        ? {}
        : { runId: asked.runId, ...(asked.claim === undefined ? {} : { claim: asked.claim }) }),
      ...(idempotency === undefined ? {} : { idempotency }),
      again: { origin, reused: planned.reused, marks },
    });
    if (outcome.kind === "started") {
      await this.tell(project, "runs:retry", actor, name, { mode: request.mode, run: outcome.runId });
      for (const [key, { state, reason }] of Object.entries(request.marks)) {
        await this.tell(project, "runs:mark", actor, `${runName(edition.name, outcome.number)}/${key}`, {
          state,
          reason,
        });
      }
    }
    return { edition, outcome };
  }

  /** A new run with the inputs of another one, and nothing else of it. @throws not_found inputs_invalid */
  async rerun(
    project: ProjectScope,
    run: string,
    by: { readonly actor: string; readonly kind: "api" | "manual" },
    version: "same" | "latest",
    idempotency: Idempotency,
  ): Promise<StartedAgain> {
    const record = await this.parts.runs.find(project, run);
    const edition = await this.edition(project, record, version, by.actor);
    const before = await this.parts.early.prepare({ edition });
    const inputs = completeInputs(edition.document, record.inputs, before);
    const { actor, kind } = by;
    const origin: RunOrigin = {
      kind: "rerun",
      runId: record.id,
      name: runName(record.workflow, record.number),
      actor,
      attempt: 1,
    };
    await this.parts.versions.tell(project, edition, actor);
    const outcome = await this.parts.commit.start({
      edition,
      inputs,
      labels: completeLabels(edition.document, inputs, before),
      trigger: { kind, actor, ...before.kept },
      ...before.start,
      ...(idempotency === undefined ? {} : { idempotency }),
      again: { origin, reused: new Map(), marks: new Map() },
    });
    return { edition, outcome };
  }

  /** The version that was run, or the one that is deployed with what the run changed in it. @throws not_overridable spec_invalid */
  private async edition(
    project: ProjectScope,
    record: RunRecord,
    version: "same" | "latest",
    actor: string,
  ): Promise<NumberedEdition> {
    const { editions, versions } = this.parts;
    const ran = await editions.byId(project, record.workflowId, record.digest);
    const edition = version === "same" ? ran : await editions.active(project, record.workflow);
    if (edition === undefined)
      throw new AppError("not_found", `There is no workflow ${record.workflow} in project ${project.name} any more.`);
    return version === "same" ? edition : versions.changed(project, edition, ran?.document.derived?.set, actor);
  }

  /** Files that the earlier run's tasks made and that are not stored here any more. */
  private async filesGone(project: ProjectScope, earlier: Run): Promise<ReadonlySet<string>> {
    const gone = new Set<string>();
    for (const sha256 of filesOf(earlier)) {
      if (!/^[0-9a-f]{64}$/.test(sha256)) continue;
      await access(this.parts.paths.file(project.id, sha256)).catch(() => gone.add(sha256));
    }
    return gone;
  }

  private tell(
    project: ProjectScope,
    action: Permission,
    actor: string,
    subject: string,
    detail: JsonObject,
  ): Promise<void> {
    return this.parts.audit.append(project.id, { actor, action, subject, detail });
  }
}

function positionOf(plan: Plan, edition: NumberedEdition, key: string): number {
  const position = plan.positionOf.get(key);
  if (position !== undefined && position < plan.graphSize) return position;
  const tasks = plan.tasks.slice(0, plan.graphSize).map((task) => task.key);
  throw new AppError("not_found", `${edition.name} has no task ${key} in version ${edition.number}.`, {
    evidence: { tasks },
  });
}

function checked(plan: Plan, key: string, mark: Mark): Mark {
  const planTask = plan.tasks[plan.positionOf.get(key) ?? -1];
  const problem = planTask === undefined ? undefined : problemOfMark(planTask, mark);
  if (problem !== undefined)
    throw new AppError(problem.code, `${key} cannot be marked ${mark.state}: ${problem.detail}.`);
  return mark;
}
