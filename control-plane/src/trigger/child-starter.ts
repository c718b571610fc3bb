// The start of a child run, asked for by a timer `child_start` of its parent (engine/child.ts). Everything that a start
// needs is looked up here; whether it happens is decided by its commit, which deletes that row.
import { AppError, checkInputs, runName, type JsonObject, type JsonValue } from "@capstan/proto";
import type { Commit } from "../commit/commit.ts";
import type { CommitStore } from "../commit/commit.store.ts";
import type { DueTimer } from "../dispatch/dispatch.store.ts";
import type { Run } from "../engine/snapshot.ts";
import type { NumberedEdition, WorkflowEditions } from "../workflow/editions.ts";
import { childEdition, frozenChildren } from "./children.ts";
import type { EarlyRuns } from "./early-run.ts";
import { completeLabels } from "./labels.ts";

export class ChildStarter {
  private readonly early: Pick<EarlyRuns, "prepare">;
  private readonly commit: Commit;
  private readonly store: Pick<CommitStore, "loadRuns">;
  private readonly editions: WorkflowEditions;

  constructor(
    commit: Commit,
    store: Pick<CommitStore, "loadRuns">,
    editions: WorkflowEditions,
    early: Pick<EarlyRuns, "prepare">,
  ) {
    this.early = early;
    this.commit = commit;
    this.store = store;
    this.editions = editions;
  }

  /** Starts the child, or answers what the parent is to be told because it cannot start. */
  async start(timer: DueTimer): Promise<JsonObject | undefined> {
    const body = timer.body ?? {};
    const [parent] = await this.store.loadRuns([timer]);
    if (parent === undefined) return body; // the parent's commit says that it is not there
    try {
      await this.startUnder(parent, timer, body);
      return undefined;
    } catch (error) {
      if (!(error instanceof AppError) || error.code === "unavailable") throw error;
      return { runId: body["runId"] ?? "", problem: error.message };
    }
  }

  private async startUnder(parent: Run, timer: DueTimer, body: JsonObject): Promise<void> {
    const { projectId, runId: parentId, position, kind } = timer;
    const project = { id: projectId, name: parent.project };
    // Written by the engine in exactly this form.
    const task = String(body["task"]);
    const name = String(body["workflow"]);
    const edition = await this.editionOf(parent, task, { name, version: String(body["version"]) });
    if (edition === undefined) throw new AppError("unknown_workflow", `there is no workflow ${name}`);
    const given = body["inputs"];
    const runId = String(body["runId"]);
    const before = await this.early.prepare({ edition, runId });
    const { inputs, problems } = checkInputs(edition.document, isObject(given) ? given : {}, before);
    const [first] = problems;
    if (first !== undefined) throw new AppError("inputs_invalid", `the inputs of ${name} do not fit: ${first.detail}`);
    const outcome = await this.commit.start({
      edition,
      inputs,
      labels: completeLabels(edition.document, inputs, before),
      trigger: {
        kind: "workflow",
        actor: parent.trigger["actor"] ?? "capstan",
        run: runName(parent.plan.document.name, parent.number),
        task,
        ...(parent.trigger["chain"] === undefined ? {} : { chain: parent.trigger["chain"] }),
        ...(parent.trigger["backfill"] === undefined ? {} : { backfill: parent.trigger["backfill"] }),
        parent: { runId: parentId, position, depth: body["depth"] ?? 2, wait: body["wait"] ?? true },
        ...(await frozenChildren(this.editions, project, edition.document)),
        ...before.kept,
      },
      ...before.start,
      runId,
      deadlineMs: parent.deadlineMs,
      // One that is not waited for is left alone: nobody would tell it that its parent goes on.
      paused: body["wait"] === false ? undefined : pausedBy(parent),
      claim: { runId: parentId, position, kind },
    });
    if (outcome.kind === "limit_reached" || outcome.kind === "queue_full") {
      throw new AppError(outcome.kind, `${name} takes no more runs: ${outcome.active} go on, ${outcome.waiting} wait`);
    }
  }

  /** The version that was fixed when the parent was made. */
  private editionOf(
    parent: Run,
    task: string,
    asked: { readonly name: string; readonly version: string },
  ): Promise<NumberedEdition | undefined> {
    const project = { id: parent.projectId, name: parent.project };
    const children = parent.trigger["children"];
    const frozen = isObject(children) ? children[task] : undefined;
    if (isObject(frozen)) {
      return this.editions.byId(project, String(frozen["workflowId"]), String(frozen["digest"]));
    }
    return childEdition(this.editions, project, asked);
  }
}

/** A parent that was paused between its wish and now; what pauses it later is told to the child as to any other. */
function pausedBy({ state, pause }: Run): { readonly actor: string; readonly reason: string } | undefined {
  return state === "paused" && pause?.current !== undefined
    ? { actor: pause.current.actor, reason: pause.current.reason }
    : undefined;
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
