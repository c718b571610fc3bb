// A schedule's run by hand, now: with the inputs of a tick of this moment. Its own ticks stay as they are.
import { AppError } from "@capstan/proto";
import type { Commit, StartOutcome } from "../commit/commit.ts";
import type { OnceKey } from "../http/once-key.ts";
import type { ProjectScope } from "../http/request-context.ts";
import { frozenChildren } from "../trigger/children.ts";
import type { EarlyRuns } from "../trigger/early-run.ts";
import type { WorkflowEditions } from "../workflow/editions.ts";
import type { ScheduleService } from "../schedule/schedule.service.ts";
import { readSpec } from "../schedule/spec.ts";
import { askedByTick, Refused, scheduleTrigger } from "../schedule/tick-inputs.ts";

export interface FireParts {
  readonly schedules: Pick<ScheduleService, "find">;
  readonly commit: Commit;
  readonly editions: WorkflowEditions;
  readonly early: EarlyRuns;
  readonly nowMs: () => number;
}

export class FireService {
  private readonly parts: FireParts;

  constructor(parts: FireParts) {
    this.parts = parts;
  }

  /** @throws not_found state_conflict inputs_invalid expression_failed */
  async fire(
    project: ProjectScope,
    schedule: string,
    actor: string,
    idempotency: OnceKey | undefined,
  ): Promise<{ readonly workflow: string; readonly outcome: StartOutcome }> {
    const { schedules, commit, editions, early, nowMs } = this.parts;
    const { workflow, trigger: id, digest, spec } = await schedules.find(project, schedule);
    const edition = await editions.version(project, workflow, digest);
    const trigger = edition === undefined ? undefined : scheduleTrigger(edition.document, id);
    if (edition === undefined || trigger === undefined)
      throw new AppError("not_found", `There is no schedule ${schedule} in project ${project.name}.`);
    const tickMs = Math.floor(nowMs());
    const tick = { tickMs, windowStartMs: readSpec(spec).ticks.previous(tickMs) ?? tickMs };
    const before = await early.prepare({ edition, tick });
    const asked = ((): ReturnType<typeof askedByTick> => {
      try {
        return askedByTick(edition, trigger, { kind: "schedule", tick, before });
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        throw new AppError("state_conflict", `The condition of ${schedule} is false now: ${error.message}`, {
          cause: error,
        });
      }
    })();
    const outcome = await commit.start({
      edition,
      inputs: asked.inputs,
      labels: asked.labels,
      trigger: {
        kind: "schedule",
        actor,
        id,
        at: new Date(tickMs).toISOString(),
        byHand: true,
        scheduledMs: tickMs,
        windowStartMs: tick.windowStartMs,
        ...(await frozenChildren(editions, project, edition.document)),
        ...before.kept,
      },
      ...before.start,
      ...(idempotency === undefined ? {} : { idempotency }),
    });
    return { workflow, outcome };
  }
}
