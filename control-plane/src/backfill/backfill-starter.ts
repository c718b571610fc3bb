// The run of a value, asked for by a row of `timers` (backfill-rounds.ts, L2). Whether it happens is decided by its commit,
// which deletes that row; where it cannot, the row goes together with the outcome that is kept.
import { AppError, errorEntry, type JsonObject, type Role } from "@capstan/proto";
import type { Commit, StartOutcome } from "../commit/commit.ts";
import type { DueTimer } from "../dispatch/dispatch.store.ts";
import { askedByTick, Refused, scheduleTrigger } from "../schedule/tick-inputs.ts";
import type { AgainService } from "../trigger/again.service.ts";
import { frozenChildren } from "../trigger/children.ts";
import type { EarlyRun, EarlyRuns } from "../trigger/early-run.ts";
import { completeInputs } from "../trigger/inputs.ts";
import { completeLabels } from "../trigger/labels.ts";
import type { NumberedEdition, WorkflowEditions } from "../workflow/editions.ts";
import type { BackfillStart, BackfillStartBody, BackfillStore } from "./backfill.store.ts";

/** How often a start that has to wait is looked at. */
const lookAgainMs = 1_000;

export interface BackfillStarterParts {
  readonly commit: Commit;
  readonly store: BackfillStore;
  readonly editions: WorkflowEditions;
  readonly early: EarlyRuns;
  readonly again: Pick<AgainService, "retry">;
}

export class BackfillStarter {
  private readonly parts: BackfillStarterParts;

  constructor(parts: BackfillStarterParts) {
    this.parts = parts;
  }

  /** The engine has nothing to decide about it: answers undefined. @throws unavailable, and is to be called again */
  async start(timer: DueTimer): Promise<undefined> {
    const body = timer.body as BackfillStartBody | undefined; // written by the rounds of the backfill loop
    if (body === undefined) return undefined;
    const { store } = this.parts;
    const asked = await store.startOf(timer.projectId, body);
    if (asked === undefined) return undefined;
    if (asked.state === "paused") {
      await store.postpone(timer, lookAgainMs, { code: "backfill_paused", detail: "the backfill is paused" });
      return undefined;
    }
    if (asked.state !== "running") {
      // Its next look takes the row away.
      await store.postpone(timer, lookAgainMs, { code: asked.state, detail: `the backfill is ${asked.state}` });
      return undefined;
    }
    try {
      const outcome = await this.startNow(timer, body, asked);
      if (outcome.kind === "limit_reached" || outcome.kind === "queue_full") {
        const detail = `${outcome.active} runs of ${body.workflow} go on, ${outcome.waiting} wait`;
        await store.postpone(timer, lookAgainMs, { code: "limit_reached", detail });
      }
    } catch (error) {
      if (error instanceof Refused) {
        const isFalse = error.reason === "condition";
        await store.refuse(timer, isFalse ? "skipped" : "refused", { code: error.reason, detail: error.message });
      } else if (error instanceof AppError && errorEntry(error.code)?.retryable !== true) {
        await store.refuse(timer, "refused", { code: error.code, detail: error.message });
      } else throw error;
    }
    return undefined;
  }

  private async startNow(timer: DueTimer, body: BackfillStartBody, asked: BackfillStart): Promise<StartOutcome> {
    const { projectId, runId, position, kind } = timer;
    const project = { id: projectId, name: body.project };
    const claim = { runId, position, kind };
    if (body.kind === "runs") return this.retry(project, body, asked, { runId, claim });
    const edition = await this.parts.editions.byId(project, body.workflowId, body.digest);
    if (edition === undefined)
      throw new Refused("broken", `${body.workflow} does not have the version of the backfill any more`);
    const tick = body.windowStartMs === undefined ? undefined : { tickMs: body.at, windowStartMs: body.windowStartMs };
    const before = await this.parts.early.prepare({ edition, runId, ...(tick === undefined ? {} : { tick }) });
    const given = askedFor(edition, { body, asked, before });
    const frozen = await frozenChildren(this.parts.editions, project, edition.document);
    return this.parts.commit.start({
      edition,
      ...given,
      trigger: {
        kind: "backfill",
        actor: asked.actor,
        backfill: body.backfill,
        ...(body.trigger === undefined ? {} : { id: body.trigger }),
        ...(tick === undefined
          ? {}
          : {
              at: new Date(tick.tickMs).toISOString(),
              scheduledMs: tick.tickMs,
              windowStartMs: tick.windowStartMs,
            }),
        ...frozen,
        ...before.kept,
      },
      ...before.start,
      runId,
      claim,
    });
  }

  private async retry(
    project: { readonly id: string; readonly name: string },
    { backfill }: BackfillStartBody,
    { item, actor }: BackfillStart,
    made: Pick<Parameters<Commit["start"]>[0], "runId" | "claim">,
  ): Promise<StartOutcome> {
    // The permission was asked for when the backfill was; here its role says no more than where it works.
    const role: Role = "project_admin";
    const request = { mode: "failed", from: undefined, marks: {}, version: "same" } as const;
    const started = await this.parts.again.retry(
      { ...project, role },
      String(item?.["run"]),
      actor,
      request,
      undefined,
      {
        ...made,
        trigger: { backfill },
      },
    );
    return started.outcome;
  }
}

/** Inputs and labels of a value's run. @throws Refused inputs_invalid */
export function askedFor(
  edition: NumberedEdition,
  {
    body,
    asked: { inputs, labels, item },
    before,
  }: {
    readonly body: Pick<BackfillStartBody, "trigger" | "at" | "windowStartMs">;
    readonly asked: Pick<BackfillStart, "inputs" | "labels" | "item">;
    readonly before: EarlyRun;
  },
): { readonly inputs: JsonObject; readonly labels: Readonly<Record<string, string>> } {
  const { document } = edition;
  if (body.trigger === undefined) {
    const complete = completeInputs(document, { ...inputs, ...item }, before);
    return { inputs: complete, labels: completeLabels(document, complete, before, labels) };
  }
  const trigger = scheduleTrigger(document, body.trigger);
  if (trigger === undefined)
    throw new Refused("broken", `there is no schedule ${edition.name}.${body.trigger} in its version`);
  const tick = { tickMs: body.at, windowStartMs: body.windowStartMs ?? body.at };
  return askedByTick(edition, trigger, { kind: "backfill", tick, before, over: { inputs, labels } });
}
