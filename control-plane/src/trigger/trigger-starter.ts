// The run that an event, the end of another run or a webhook asks for, by a row of `timers` (docs/decisions/0072-…).
//  T1. One row of `trigger_deliveries` for each (trigger, what fired it) is written in one transaction with the row of
//      `timers` that stands for the start. The commit that makes the run deletes that row; where it has gone, no run is made.
//  T2. What cannot become a run takes that row away together with the reason that is kept. So whatever dies, and with any
//      number of replicas, each delivery becomes one run or one reason.
//  T3. A run knows how many triggers stand behind it, and no chain is longer than `chainMax`.
import type { Logger } from "pino";
import {
  AppError,
  errorEntry,
  idFromUuid,
  listenersOf,
  type DeliveryOutcome,
  type ErrorCode,
  type ExpressionContext,
  type JsonObject,
  type JsonValue,
} from "@capstan/proto";
import type { Commit, StartOutcome } from "../commit/commit.ts";
import type { DueTimer } from "../dispatch/dispatch.store.ts";
import type { WorkflowEditions } from "../workflow/editions.ts";
import { askedBy } from "./asked.ts";
import { frozenChildren } from "./children.ts";
import type { DeliveryStore, FiredDelivery } from "./delivery.store.ts";
import type { EarlyRuns } from "./early-run.ts";
import { keptOf } from "./kept-context.ts";
import { requestContext } from "./received-request.ts";

/** Runs that may stand behind each other by triggers. */
export const chainMax = 10;

/** What a delivery came to. */
export type Started =
  | { readonly kind: "started"; readonly runId: string }
  | { readonly kind: "refused"; readonly outcome: DeliveryOutcome; readonly detail: string; readonly code?: ErrorCode }
  /** Another replica had it. */
  | { readonly kind: "taken" };

export interface TriggerStarterParts {
  readonly commit: Commit;
  readonly store: DeliveryStore;
  readonly editions: WorkflowEditions;
  readonly early: Pick<EarlyRuns, "prepare">;
  readonly isUnavailable: (error: unknown) => boolean;
  readonly log: Logger;
}

/** What a delivery cannot get over. */
class Refused extends Error {
  readonly outcome: DeliveryOutcome;
  readonly code: ErrorCode | undefined;

  constructor(outcome: DeliveryOutcome, detail: string, code?: ErrorCode) {
    super(detail);
    this.outcome = outcome;
    this.code = code;
  }
}

export class TriggerStarter {
  private readonly parts: TriggerStarterParts;

  constructor(parts: TriggerStarterParts) {
    this.parts = parts;
  }

  /** @throws unavailable, and is to be called again */
  async start(timer: Pick<DueTimer, "projectId" | "runId" | "position" | "kind" | "body">): Promise<Started> {
    const id = timer.body?.["delivery"];
    const delivery = await this.parts.store.load(timer.projectId, String(id)); // a uuid, by whoever wrote the row
    try {
      if (delivery === undefined) throw new Refused("broken", "its delivery is not there any more");
      return await this.startRun(timer, delivery);
    } catch (error) {
      const refused = this.refusalOf(error, timer.runId);
      const { outcome, message: detail, code } = refused;
      // What was filtered stays filtered; anything else may be sent again once its cause is gone.
      const mayComeAgain = outcome !== "filtered" && delivery?.kind === "webhook";
      const isOurs = await this.parts.store.refuse(timer, { outcome, detail: detail.slice(0, 1000), mayComeAgain });
      return isOurs ? { kind: "refused", outcome, detail, ...(code === undefined ? {} : { code }) } : { kind: "taken" };
    }
  }

  /** @throws the error itself where it may pass */
  private refusalOf(error: unknown, runId: string): Refused {
    if (error instanceof Refused) return error;
    if (this.parts.isUnavailable(error)) throw error;
    if (!(error instanceof AppError)) {
      this.parts.log.error({ err: error, run: runId }, "a delivery could not be read");
      return new Refused("broken", error instanceof Error ? error.message : "it cannot be read");
    }
    if (errorEntry(error.code)?.retryable === true) throw error;
    return new Refused("failed", error.message, error.code);
  }

  private async startRun(
    { runId, position, kind }: Pick<DueTimer, "runId" | "position" | "kind">,
    delivery: FiredDelivery,
  ): Promise<Started> {
    const { editions, early, commit } = this.parts;
    const project = { id: delivery.projectId, name: delivery.project };
    const edition = await editions.byId(project, delivery.workflowId, delivery.digest);
    const trigger =
      edition === undefined ? undefined : listenersOf(edition.document).find((one) => one.id === delivery.trigger);
    if (edition === undefined || trigger === undefined)
      throw new Refused("broken", `there is no trigger ${delivery.workflow}.${delivery.trigger} in its version`);
    const chain = Number(delivery.context["chain"] ?? 1);
    if (chain > chainMax)
      throw new Refused("chain_too_long", `${chainMax} runs stand behind it by triggers; that is all that may`);
    const seen = { kind: trigger.kind, id: trigger.id, at: delivery.receivedMs, ...firedContext(delivery) };
    const { receivedMs } = delivery;
    const context: ExpressionContext = {
      run: {
        workflow: delivery.workflow,
        version: edition.digest,
        scheduledAt: receivedMs,
        window: { start: receivedMs, end: receivedMs },
      },
      trigger: seen,
    };
    const before = await early.prepare({ edition, runId });
    const asked = askedBy(edition.document, trigger, { ...context, vars: before.vars }, before);
    if (asked.kind === "filtered")
      throw new Refused("filtered", `${asked.condition} is false: ${JSON.stringify(asked.values)}`);
    const outcome = await commit.start({
      edition,
      inputs: asked.inputs,
      labels: asked.labels,
      trigger: {
        kind: trigger.kind,
        id: trigger.id,
        actor: actorOf(delivery),
        at: new Date(receivedMs).toISOString(),
        delivery: idFromUuid("dlv", delivery.id),
        chain,
        ...keptOf(edition.document, seen),
        ...(await frozenChildren(editions, project, edition.document)),
        ...before.kept,
      },
      ...before.start,
      runId,
      claim: { runId, position, kind },
    });
    return this.startedBy(outcome, runId);
  }

  private startedBy(outcome: StartOutcome, runId: string): Started {
    if (outcome.kind === "limit_reached" || outcome.kind === "queue_full")
      throw new Refused(outcome.kind, `${outcome.active} runs go on, ${outcome.waiting} wait`, outcome.kind);
    return outcome.kind === "started" ? { kind: "started", runId } : { kind: "taken" };
  }
}

/** What `trigger` holds beside its kind, id and time. */
function firedContext({ kind, context, body, outputs }: FiredDelivery): JsonObject {
  switch (kind) {
    case "event":
      return { event: context["event"] ?? null };
    case "workflow":
      return {
        run: {
          id: idFromUuid("run", String(context["run"])),
          name: context["name"] ?? "",
          workflow: context["workflow"] ?? "",
          outcome: context["outcome"] ?? "",
          outputs: outputs ?? {},
        },
      };
    case "webhook":
      return requestContext(context, body ?? Buffer.alloc(0));
  }
}

function actorOf({ kind, context, trigger }: FiredDelivery): JsonValue {
  if (kind === "event") return context["actor"] ?? "event";
  return kind === "workflow" ? `run:${String(context["name"])}` : `webhook:${trigger}`;
}
