// The run of a tick, asked for by a row of `timers` (schedule-rounds.ts, L2). Whether it happens is decided by its commit,
// which deletes that row; where it cannot, the row goes together with the reason that is kept.
import { AppError, type MissReason } from "@capstan/proto";
import type { Commit } from "../commit/commit.ts";
import type { DueTimer } from "../dispatch/dispatch.store.ts";
import { frozenChildren } from "../trigger/children.ts";
import type { EarlyRuns } from "../trigger/early-run.ts";
import type { WorkflowEditions } from "../workflow/editions.ts";
import type { ScheduleStore, StartBody } from "./schedule.store.ts";
import { askedByTick, Refused, scheduleTrigger } from "./tick-inputs.ts";

/** How often a run that waits for an earlier one is looked at. */
const lookAgainMs = 1_000;

export class TickStarter {
  private readonly commit: Commit;
  private readonly store: ScheduleStore;
  private readonly editions: WorkflowEditions;
  private readonly early: EarlyRuns;

  constructor(commit: Commit, store: ScheduleStore, editions: WorkflowEditions, early: EarlyRuns) {
    this.commit = commit;
    this.store = store;
    this.editions = editions;
    this.early = early;
  }

  /** The engine has nothing to decide about it: answers undefined. @throws unavailable, and is to be called again */
  async start(timer: DueTimer): Promise<undefined> {
    const body = timer.body as StartBody | undefined; // written by the rounds of the schedule loop
    if (body === undefined) return undefined;
    if (body.after !== undefined && (await this.store.isGoing(timer.projectId, body.after))) {
      await this.store.postpone(timer, lookAgainMs);
      return undefined;
    }
    try {
      await this.startNow(timer, body);
    } catch (error) {
      if (error instanceof Refused) await this.store.refuse(timer, error.reason, error.message);
      else if (error instanceof AppError && error.code !== "unavailable")
        await this.store.refuse(timer, reasonOf(error), error.message);
      else throw error;
    }
    return undefined;
  }

  private async startNow(timer: DueTimer, body: StartBody): Promise<void> {
    const { projectId, runId, position, kind } = timer;
    const project = { id: projectId, name: body.project };
    const edition = await this.editions.byId(project, body.workflowId, body.digest);
    const trigger = edition === undefined ? undefined : scheduleTrigger(edition.document, body.trigger);
    if (edition === undefined || trigger === undefined)
      throw new Refused("broken", `there is no schedule ${body.workflow}.${body.trigger} in its version`);
    const before = await this.early.prepare({ edition, runId, tick: body });
    const asked = askedByTick(edition, trigger, { kind: "schedule", tick: body, before });
    const frozen = await frozenChildren(this.editions, project, edition.document);
    for (const earlier of body.cancels ?? []) await this.cancel(timer, body, earlier);
    const outcome = await this.commit.start({
      edition,
      ...asked,
      trigger: {
        kind: "schedule",
        actor: "schedule",
        id: body.trigger,
        at: new Date(body.tickMs).toISOString(),
        scheduledMs: body.tickMs,
        windowStartMs: body.windowStartMs,
        ...frozen,
        ...before.kept,
      },
      ...before.start,
      runId,
      claim: { runId, position, kind },
    });
    if (outcome.kind !== "limit_reached" && outcome.kind !== "queue_full") return;
    throw new Refused(outcome.kind, `${outcome.active} runs go on, ${outcome.waiting} wait`);
  }

  /** The run of an earlier tick makes room: it is cancelled, or is not made where it has not begun. */
  private async cancel(timer: DueTimer, body: StartBody, earlier: string): Promise<void> {
    const pending = { ...timer, runId: earlier, body: undefined };
    if (await this.store.refuse(pending, "replaced", `by the tick of ${new Date(body.tickMs).toISOString()}`)) return;
    const reason = `replaced by the tick of ${new Date(body.tickMs).toISOString()}`;
    await this.commit.submit(timer.projectId, earlier, { kind: "cancel_run", actor: "schedule", reason, force: false });
  }
}

/** The reasons are fewer than the codes: what is not about limits is about what the run was asked for with. */
const reasonOf = ({ code }: AppError): MissReason => {
  if (code === "limit_reached" || code === "queue_full") return code;
  return ["inputs_invalid", "expression_failed", "expression_timeout"].includes(code) ? "inputs_invalid" : "broken";
};
