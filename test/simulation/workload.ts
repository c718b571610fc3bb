// Random workflows. A feature of the language that the engine gains is added in `taskOf` or `documentOf`, with what the
// final check must know about it.
import type {
  CanonicalHook,
  CanonicalTask,
  CanonicalWorkflow,
  Expr,
  HookName,
  JoinKind,
  OfferedAttempt,
} from "@capstan/proto";
import type { Program } from "./host.ts";
import type { Random } from "./random.ts";

/** Chances of one task's program. */
interface Behaviour {
  readonly fail: number;
  readonly skip: number;
  readonly setup: number;
  readonly badOutput: number;
  readonly meanMs: number;
}

export interface Deployed {
  readonly document: CanonicalWorkflow;
  readonly digest: string;
  readonly workflowId: string;
  readonly behaviours: ReadonlyMap<string, Behaviour>;
}

// One object per expression, so that what parsing costs is paid once for all seeds.
const expressions: Readonly<Record<string, Expr>> = Object.fromEntries(
  ["always()", "success()", "failure()", "cancelled()", "inputs.go", "!inputs.go", "needs.failed > 0"].map((text) => [
    text,
    { $expr: text },
  ]),
);
const outputOf = new Map<string, Expr>();
const outputExpression = (key: string): Expr => {
  let found = outputOf.get(key);
  if (found === undefined) {
    found = { $expr: `tasks.${key}.outputs.n` };
    outputOf.set(key, found);
  }
  return found;
};
const joins: readonly JoinKind[] = ["all_success", "none_failed", "all_done", "one_success"];

export interface WorkloadOptions {
  readonly leasesMs: readonly number[];
  readonly tasksMax: number;
  readonly zones: readonly string[];
}

export function makeWorkflow(random: Random, index: number, newId: () => string, options: WorkloadOptions): Deployed {
  const count = 1 + random.int(options.tasksMax);
  const tasks: Record<string, CanonicalTask> = {};
  const behaviours = new Map<string, Behaviour>();
  const failing = random.chance(0.7);
  for (let i = 0; i < count; i++) {
    const key = `t${i}`;
    tasks[key] = taskOf(random, i, tasks, options);
    behaviours.set(key, {
      fail: failing && random.chance(0.5) ? random.between(0.1, 0.7) : 0,
      skip: random.chance(0.1) ? 0.3 : 0,
      setup: random.chance(0.05) ? random.between(0.2, 1) : 0,
      badOutput: random.chance(0.05) ? 0.3 : 0,
      meanMs: random.pick([50, 300, 1000, 3000, 10_000, 25_000, 60_000]),
    });
  }
  const hooks: Partial<Record<HookName, CanonicalHook[]>> = {};
  if (random.chance(0.25)) {
    for (const name of ["onStart", "onSuccess", "onFailure", "onCancel", "onEnd"] as const) {
      if (random.chance(0.5)) hooks[name] = [{ action: { run: { script: "true" } } }];
    }
  }
  const document: CanonicalWorkflow = {
    version: 1,
    name: `w${index}`,
    tasks,
    timeoutMs: random.chance(0.2) ? Math.floor(random.between(20_000, 240_000)) : 86_400_000,
    cleanupTimeoutMs: Math.floor(random.between(5_000, 60_000)),
    ...(random.chance(0.2) ? { priority: 1 + random.int(5) } : {}),
    ...(Object.keys(hooks).length === 0 ? {} : { hooks }),
  };
  const digest = `sha256:${index.toString(16).padStart(64, "0")}`;
  return { document, digest, workflowId: newId(), behaviours };
}

function taskOf(
  random: Random,
  index: number,
  earlier: Readonly<Record<string, CanonicalTask>>,
  options: WorkloadOptions,
): CanonicalTask {
  const needs = new Set<string>();
  if (index > 0) for (let k = random.int(4); k > 0; k--) needs.add(`t${random.int(index)}`);
  const sorted = [...needs].sort();
  const leaseMs = random.pick(options.leasesMs);
  const join = random.chance(0.4) ? random.pick(joins) : undefined;
  const condition = random.chance(0.3) ? random.pick(Object.values(expressions)) : undefined;
  const withOutputs = sorted.filter((key) => earlier[key]?.outputs !== undefined);
  const source = withOutputs.length > 0 && random.chance(0.7) ? random.pick(withOutputs) : undefined;
  return {
    action: { run: { script: "true" } },
    needs: sorted,
    leaseMs,
    graceMs: Math.floor(random.between(1000, Math.min(10_000, leaseMs / 3))),
    ...(join === undefined ? {} : { join }),
    ...(condition === undefined ? {} : { if: condition }),
    ...(random.chance(0.2) ? { allowFailure: true } : {}),
    ...(random.chance(0.25) ? { timeoutMs: Math.floor(random.between(2_000, 40_000)) } : {}),
    ...(random.chance(0.05) ? { onLeaseEnd: "continue" as const } : {}),
    ...(random.chance(0.15) ? { onLost: "fail" as const } : {}),
    ...(random.chance(0.3) ? { outputs: { n: { type: "integer" } } } : {}),
    ...(source === undefined ? {} : { with: { n: outputExpression(source) } }),
    ...(random.chance(0.1) ? { priority: 1 + random.int(5) } : {}),
    ...(random.chance(0.15) ? { runsOn: { labels: { zone: random.pick(options.zones) } } } : {}),
    retry: {
      attempts: 1 + random.int(4),
      delayMs: random.pick([0, 500, 3000, 10_000]),
      factor: 2,
      maxDelayMs: 30_000,
      jitter: random.pick([0, 0.2]),
      lost: random.int(4),
      ...(random.chance(0.1) ? { except: ["exit:2"] } : {}),
    },
  };
}

/** What the program of an offered attempt will do. */
export function programOf(
  random: Random,
  workflow: Deployed,
  offer: OfferedAttempt,
  nextOutput: () => number,
): Program {
  const behaviour = workflow.behaviours.get(offer.task) ?? { fail: 0.1, skip: 0, setup: 0, badOutput: 0, meanMs: 500 };
  const declares = workflow.document.tasks[offer.task]?.outputs !== undefined;
  const result = random.chance(behaviour.setup)
    ? "setup"
    : random.chance(behaviour.fail)
      ? "fail"
      : random.chance(behaviour.skip)
        ? "skip"
        : declares && random.chance(behaviour.badOutput)
          ? "bad_output"
          : "succeed";
  const outputs = !declares
    ? undefined
    : result === "succeed"
      ? { n: nextOutput() }
      : result === "bad_output"
        ? { n: "not a number" }
        : undefined;
  return {
    durationMs: behaviour.meanMs * random.between(0.2, 2),
    result,
    outputs,
    exitCode: result === "fail" ? 1 + random.int(2) : result === "skip" ? 77 : 0,
    obeysMs: random.chance(0.7) ? random.between(5, 1500) : Number.POSITIVE_INFINITY,
    events: random.chance(0.1) ? 1 + random.int(3) : 0,
  };
}
