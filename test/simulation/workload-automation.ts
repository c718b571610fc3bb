// What a workflow of a world with automation has besides: schedules, triggers by events and by the ends of runs, marks of
// lateness, a variable that its tasks are given, and tasks that take what an equal one gave.
import type {
  CanonicalSchedule,
  CanonicalTask,
  CanonicalTrigger,
  CanonicalWorkflow,
  DynamicJson,
  Expr,
} from "@capstan/proto";
import type { Random } from "./random.ts";
import { eventTypes, type Deployed } from "./workload.ts";

/** The one variable of the simulated project. */
export const variableName = "v";
const variable: Expr = { $expr: `vars.${variableName}` };
const overlaps = ["allow", "skip", "queue", "cancelRunning"] as const;
const catchups = ["last", "all", "skip"] as const;
const outcomes = ["succeeded", "failed", "cancelled", "timed_out"] as const;

export interface AutomatedOptions {
  /** Its place among the workflows. */
  readonly index: number;
  readonly horizonMs: number;
}

/** The same workflow with more. What it starts of itself stays little: a seed must end. */
export function automated(random: Random, workflow: Deployed, { index, horizonMs }: AutomatedOptions): Deployed {
  const { document } = workflow;
  const readsVariable = random.chance(0.5);
  const tasks = Object.fromEntries(
    Object.entries(document.tasks).map(([key, task]) => [key, withMore(random, task, readsVariable)]),
  );
  const sla = random.chance(0.4) ? { ...marksOf(random) } : undefined;
  const triggers = triggersOf(random, index, horizonMs);
  const onLate = sla !== undefined && random.chance(0.6) ? [{ action: { run: { script: "true" } } }] : undefined;
  const more: Partial<CanonicalWorkflow> = {
    tasks,
    ...(readsVariable ? { vars: [variableName] } : {}),
    ...(sla === undefined ? {} : { sla }),
    ...(onLate === undefined ? {} : { hooks: { ...document.hooks, onLate } }),
    ...(triggers.length === 0 ? {} : { triggers }),
  };
  return { ...workflow, document: { ...document, ...more } };
}

function withMore(random: Random, task: CanonicalTask, readsVariable: boolean): CanonicalTask {
  if (!("run" in task.action)) return task;
  const isOne = task.forEach === undefined && task.matrix === undefined;
  const given: Record<string, DynamicJson> = readsVariable ? { ...task.with, v: variable } : { ...task.with };
  return {
    ...task,
    ...(Object.keys(given).length === 0 ? {} : { with: given }),
    ...(random.chance(0.15) ? { sla: marksOf(random) } : {}),
    ...(isOne && random.chance(0.4)
      ? {
          outputs: { n: { type: "integer" } },
          cache: {
            key: random.pick(["a", "b"]),
            ttlMs: random.pick([15_000, 3_600_000]),
            ...(random.chance(0.5) ? { scope: "project" as const } : {}),
          },
        }
      : {}),
  };
}

const marksOf = (random: Random): { startWithinMs?: number; maxDurationMs?: number } => ({
  ...(random.chance(0.6) ? { startWithinMs: Math.floor(random.between(500, 20_000)) } : {}),
  ...(random.chance(0.7) ? { maxDurationMs: Math.floor(random.between(2_000, 60_000)) } : {}),
});

function triggersOf(random: Random, index: number, horizonMs: number): readonly CanonicalTrigger[] {
  const triggers: CanonicalTrigger[] = [];
  const inputs = { go: random.chance(0.5) };
  if (random.chance(0.5)) triggers.push({ id: "clock", schedule: scheduleOf(random, horizonMs), inputs });
  if (random.chance(0.4)) triggers.push({ id: "told", event: { type: random.pick(eventTypes) }, inputs });
  // Mostly of those before it, and now and then of itself: such a chain is cut by its length.
  const isLoop = index === 0 && random.chance(0.15);
  if (isLoop || (index > 0 && random.chance(0.4))) {
    const name = `w${isLoop ? 0 : random.int(index)}`;
    const wanted = random.chance(0.5) ? {} : { outcome: outcomes.filter(() => random.chance(0.5)) };
    triggers.push({ id: "after", workflow: { name, ...wanted }, inputs });
  }
  return triggers;
}

function scheduleOf(random: Random, horizonMs: number): CanonicalSchedule {
  return {
    everyMs: Math.max(4_000, Math.floor(horizonMs / (2 + random.int(4)))),
    overlap: random.pick(overlaps),
    catchup: random.pick(catchups),
    catchupMax: 1 + random.int(3),
    ...(random.chance(0.3) ? { jitterMs: Math.floor(random.between(500, 5_000)) } : {}),
  };
}
