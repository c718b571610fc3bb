// A request for a run by a person or a program. The path from here to the first attempt is the product's shortest:
// nothing is asked of the database before the commit, unless the workflow reads variables or asks for its number early.
import { Controller, Inject } from "@nestjs/common";
import {
  AppError,
  idFromUuid,
  isRunEnded,
  parseDuration,
  runName,
  type RunView,
  type StartedRun,
} from "@capstan/proto";
import { COMMIT, type Commit, type StartOutcome } from "../commit/commit.ts";
import { COMMIT_SIGNALS, type CommitSignals } from "../commit/commit-signals.ts";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import type { ProjectScope } from "../http/request-context.ts";
import { requestHash } from "../http/request-hash.ts";
import { RunEnd } from "../run/run-end.ts";
import { RunService } from "../run/run.service.ts";
import { WorkflowEditions, type NumberedEdition } from "../workflow/editions.ts";
import { RunVersions } from "../workflow/run-versions.ts";
import { frozenChildren } from "./children.ts";
import { EarlyRuns } from "./early-run.ts";
import { completeInputs } from "./inputs.ts";
import { completeLabels } from "./labels.ts";
import { priorityOfRun, refusedStart } from "./order.ts";
import { StartLimits } from "./start-limits.ts";

const waitMsMax = 55_000;

@Controller()
export class RunRequestController {
  private readonly editions: WorkflowEditions;
  private readonly commit: Commit;
  private readonly runs: RunService;
  private readonly end: RunEnd;
  private readonly limits: StartLimits;
  private readonly early: EarlyRuns;
  private readonly versions: RunVersions;

  constructor(
    @Inject(WorkflowEditions) editions: WorkflowEditions,
    @Inject(COMMIT) commit: Commit,
    @Inject(RunService) runs: RunService,
    @Inject(COMMIT_SIGNALS) signals: CommitSignals,
    @Inject(StartLimits) limits: StartLimits,
    @Inject(EarlyRuns) early: EarlyRuns,
    @Inject(RunVersions) versions: RunVersions,
  ) {
    this.versions = versions;
    this.early = early;
    this.editions = editions;
    this.commit = commit;
    this.runs = runs;
    this.end = new RunEnd(runs, signals);
    this.limits = limits;
  }

  @Handles("runStart")
  async start(@Call("runStart") call: CallOf<"runStart">): Promise<RunView> {
    const { project, params, body, reply } = call;
    const waitMs = waitOf(call.query.wait, call.request.headers["prefer"]);
    const asked = await this.edition(project, params.workflow, body.version);
    const edition = await this.versions.changed(project, asked, body.overrides, call.actor);
    const before = await this.early.prepare({ edition, labels: body.labels });
    const inputs = completeInputs(edition.document, body.inputs ?? {}, before);
    const labels = completeLabels(edition.document, inputs, before, body.labels);
    const priority = priorityOfRun(edition.document, { inputs, vars: before.vars, run: { ...before.run, labels } });
    this.limits.admit(project, call.principal, 1, (headers) => void reply.headers(headers));
    const kind = call.request.headers["x-capstan-trigger"] === "manual" ? "manual" : "api";
    const frozen = await frozenChildren(this.editions, project, edition.document);
    await this.versions.tell(project, edition, call.actor);
    const outcome = await this.commit.start({
      edition,
      inputs,
      labels,
      trigger: { kind, actor: call.actor, ...frozen, ...before.kept },
      ...before.start,
      ...(body.dedupeKey === undefined ? {} : { dedupeKey: body.dedupeKey }),
      ...(call.idempotencyKey === undefined
        ? {}
        : {
            idempotency: {
              caller: call.principal.userId,
              key: call.idempotencyKey,
              requestSha256: requestHash("POST", `${project.id}/${params.workflow}/runs`, body),
            },
          }),
    });
    const runId = runIdOf(outcome, params.workflow);
    if (outcome.kind === "replayed") void reply.header("idempotency-replayed", "true");
    if (outcome.kind === "deduped") void reply.status(200);
    void reply.header("location", `/api/v1/projects/${project.name}/runs/${idFromUuid("run", runId)}`);
    if (waitMs > 0) {
      const ended = await this.end.wait(project, runId, waitMs, call.request.raw, outcome.kind === "started");
      if (ended.endedAt !== null) void reply.status(200);
      return ended;
    }
    if (outcome.kind !== "started") return this.runs.show(project, idFromUuid("run", runId));
    return startedView(edition, outcome, { inputs, labels, priority, trigger: { kind, actor: call.actor } });
  }

  /** All inputs are checked before the first run exists. A key stands for the whole request, run by run. */
  @Handles("runStartBatch")
  async startBatch(@Call("runStartBatch") call: CallOf<"runStartBatch">): Promise<{ data: StartedRun[] }> {
    const { project, params, body } = call;
    const waitMs = waitOf(call.query.wait, call.request.headers["prefer"]);
    const edition = await this.edition(project, params.workflow, body.version);
    const before = await this.early.prepareAll(body.runs.map(({ labels }) => ({ edition, labels })));
    const asked = before.map((early, i) => {
      const { inputs: given = {}, labels } = body.runs[i] ?? {};
      const inputs = completeInputs(edition.document, given, early, `/runs/${i}`);
      const complete = completeLabels(edition.document, inputs, early, labels);
      priorityOfRun(edition.document, { inputs, vars: early.vars, run: { ...early.run, labels: complete } });
      return { early, inputs, labels: complete };
    });
    this.limits.admit(project, call.principal, asked.length, (headers) => void call.reply.headers(headers));
    const frozen = await frozenChildren(this.editions, project, edition.document);
    const started = asked.map(async ({ early, ...run }, i): Promise<StartedRun> => {
      const outcome = await this.commit.start({
        edition,
        ...run,
        trigger: { kind: "api", actor: call.actor, ...frozen, ...early.kept },
        ...early.start,
        ...(call.idempotencyKey === undefined
          ? {}
          : {
              idempotency: {
                caller: call.principal.userId,
                key: `${call.idempotencyKey} ${i}`,
                requestSha256: requestHash("POST", `${project.id}/${params.workflow}/runs/batch`, body),
              },
            }),
      });
      const runId = runIdOf(outcome, params.workflow);
      const id = idFromUuid("run", runId);
      if (outcome.kind !== "started") {
        const { name, state } = await this.runs.show(project, id);
        return { id, name, state };
      }
      const ended = waitMs > 0 ? await this.end.endOf(runId, waitMs) : undefined;
      return { id, name: runName(edition.name, outcome.number), state: ended ?? "running" };
    });
    const data = await Promise.all(started);
    if (waitMs > 0 && data.every((run) => isRunEnded(run.state))) void call.reply.status(200);
    return { data };
  }

  private async edition(
    project: ProjectScope,
    workflow: string,
    version: number | string | undefined,
  ): Promise<NumberedEdition> {
    const edition =
      version === undefined
        ? await this.editions.active(project, workflow)
        : await this.editions.version(project, workflow, version);
    if (edition !== undefined) return edition;
    const what = version === undefined ? `workflow ${workflow}` : `version ${version} of ${workflow}`;
    throw new AppError("not_found", `There is no ${what} in project ${project.name}.`);
  }
}

/** The run that a request came to, new or by a key. @throws idempotency_key_reused limit_reached queue_full */
export function runIdOf(outcome: StartOutcome, workflow = "the workflow"): string {
  if ("holders" in outcome) throw refusedStart(workflow, outcome);
  if (outcome.kind === "key_reused") {
    throw new AppError(
      "idempotency_key_reused",
      "This Idempotency-Key was used for another run within the last 24 hours.",
    );
  }
  if (outcome.kind === "unclaimed") throw new Error("a request claims no row");
  return outcome.runId;
}

/** The run as it was committed, without reading it back. What happened since is told by the run's own route. */
function startedView(
  edition: NumberedEdition,
  outcome: Extract<StartOutcome, { kind: "started" }>,
  asked: Pick<RunView, "labels" | "trigger" | "priority"> & { readonly inputs: unknown },
): RunView {
  return {
    id: idFromUuid("run", outcome.runId),
    name: runName(edition.name, outcome.number),
    workflow: edition.name,
    number: outcome.number,
    digest: edition.digest,
    version: edition.number,
    overrides: structuredClone(edition.document.derived ?? null) as RunView["overrides"], // JSON; readonly to us alone
    state: "queued",
    trigger: asked.trigger,
    labels: asked.labels,
    priority: asked.priority,
    createdAt: new Date(outcome.createdMs).toISOString(),
    startedAt: null,
    endedAt: null,
    deadlineAt: null,
    failure: null,
    inputs: asked.inputs as RunView["inputs"], // JSON, checked against the declarations
    outputs: null,
    cancel: null,
    attempt: 1,
    origin: null,
    late: [],
    pause: null,
    taskCounts: {},
  };
}

/** `?wait=30s` or `Prefer: wait=30`, in milliseconds; 0 without either. @throws malformed */
export function waitOf(query: string | undefined, prefer: string | string[] | undefined): number {
  const preferred =
    typeof prefer === "string" ? /(?:^|[,;]\s*)wait=(\d{1,4})(?:$|\s*[,;])/.exec(prefer)?.[1] : undefined;
  if (query === undefined) return preferred === undefined ? 0 : Math.min(Number(preferred) * 1000, waitMsMax);
  const waitMs = parseDuration(query);
  if (waitMs === undefined) throw new AppError("malformed", `wait must be a duration such as 30s, got ${query}`);
  if (waitMs > waitMsMax)
    throw new AppError(
      "malformed",
      `wait is at most 55s, got ${query}: longer waits are cut by proxies; ask again instead`,
    );
  return waitMs;
}
