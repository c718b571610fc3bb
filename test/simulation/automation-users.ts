// What people do about what runs by itself: they deploy workflows with schedules and triggers, pause schedules, change the
// variable, ask for something to be done to many runs, and take the schedules away before the world ends.
import { schedulesOf } from "@capstan/proto";
import { newSchedules } from "../../control-plane/src/schedule/spec.ts";
import type { AutomationChecks } from "./automation-checks.ts";
import type { Random } from "./random.ts";
import type { SimDatabase } from "./sim-database.ts";
import { variableName } from "./workload-automation.ts";
import type { Deployed } from "./workload.ts";
import type { World } from "./world.ts";

export interface AutomationUsersParts {
  readonly world: World;
  readonly random: Random;
  readonly database: SimDatabase;
  readonly workflows: readonly Deployed[];
  readonly checks: AutomationChecks;
  readonly projectId: string;
  readonly newId: () => string;
  readonly horizonMs: number;
}

const operationActions = ["cancel", "retry", "rerun"] as const;
/** Part of the horizon after which no schedule is left. */
const lastTicks = 0.75;

export class AutomationUsers {
  private readonly parts: AutomationUsersParts;
  private value = 0;

  constructor(parts: AutomationUsersParts) {
    this.parts = parts;
  }

  begin(): void {
    const { world, random, horizonMs, database } = this.parts;
    this.setVariable();
    this.deploy();
    const endMs = horizonMs * lastTicks;
    for (let i = random.int(4); i > 0; i--) world.after(random.between(0, endMs), () => this.setVariable());
    for (let i = random.int(3); i > 0; i--) world.after(random.between(0, endMs), () => this.pause());
    for (let i = random.int(4); i > 0; i--) world.after(random.between(5_000, horizonMs), () => this.operate());
    world.after(endMs, () => {
      for (const schedule of database.schedules.all) schedule.isGone = true;
    });
  }

  private deploy(): void {
    const { database, workflows, projectId } = this.parts;
    const nowMs = database.nowMs();
    for (const { document, digest, workflowId } of workflows) {
      const schedules = new Map(schedulesOf(document).map(({ id, schedule }) => [id, schedule]));
      for (const { trigger, spec, nextAfter } of newSchedules(document)) {
        const schedule = schedules.get(trigger);
        const next = nextAfter(nowMs);
        if (schedule === undefined || next === undefined) continue;
        const at = { projectId, workflowId, workflow: document.name, trigger, digest };
        const { tickMs, dueMs } = next;
        database.schedules.put({ ...at, spec, schedule, firstTickMs: tickMs, nextTickMs: tickMs, dueMs });
      }
      database.triggers.put(projectId, workflowId, digest, document);
    }
  }

  private setVariable(): void {
    const { database, checks } = this.parts;
    const value = `value ${++this.value}`;
    database.variables.set(variableName, value);
    checks.values.add(value);
  }

  private pause(): void {
    const { database, random, world } = this.parts;
    if (database.schedules.all.length === 0) return;
    const schedule = random.pick(database.schedules.all);
    schedule.isPaused = true;
    world.after(random.between(1_000, 60_000), () => {
      schedule.isPaused = false;
    });
  }

  /** An operation on some of the runs that there are: what they are by the time it comes to them is another matter. */
  private operate(): void {
    const { database, random, newId, projectId } = this.parts;
    const runIds = [...database.runs.keys()].filter(() => random.chance(0.3)).slice(0, 4);
    if (runIds.length === 0 || database.isDown) return;
    const id = newId();
    const action = random.pick(operationActions);
    const options =
      action === "cancel"
        ? { reason: "enough", force: random.chance(0.2) }
        : { mode: random.pick(["failed", "all"] as const), version: "same" as const };
    database.operations.create({ id, projectId, action, options, actor: `operation ${id}` }, runIds);
  }
}
