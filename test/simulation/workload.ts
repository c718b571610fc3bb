// Random workflows. A feature of the language that the engine gains is added in `taskOf` or `documentOf`, with what the
// final check must know about it.
import {
  onLimitKinds,
  type CanonicalConcurrency,
  type CanonicalHook,
  type CanonicalTask,
  type CanonicalWorkflow,
  type Expr,
  type HookName,
  type JoinKind,
  type OfferedAttempt,
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

/** Limits of the simulated project. */
export const limitsOf = (random: Random): ReadonlyMap<string, { capacity: number; perMs: number | undefined }> =>
  new Map([
    ["small", { capacity: 1 + random.int(3), perMs: undefined }],
    ["rate", { capacity: 1 + random.int(3), perMs: 2000 + random.int(8000) }],
  ]);
/** Types of custom events that simulated tasks wait for. */
export const eventTypes = ["order.paid", "stock.low"] as const;

// One object per expression, so that what parsing costs is paid once for all seeds.
const expressions: Readonly<Record<string, Expr>> = Object.fromEntries(
  ["always()", "success()", "failure()", "cancelled()", "inputs.go", "!inputs.go", "needs.failed > 0"].map((text) => [
    text,
    { $expr: text },
  ]),
);
const eachIndex: readonly Expr[] = [{ $expr: "index != 1" }, { $expr: "index > 2" }];
const eventAtLeast: Expr = { $expr: "event.data.n > 3" };
const byInput: Expr = { $expr: "inputs.go" };
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
  /** Whether tasks are mapped, wait, ask and start others, and take of limits; the old worlds keep to scripts. */
  readonly isWide: boolean;
  /** How many workflows there are; one may start those behind it. */
  readonly workflows: number;
}

export function makeWorkflow(random: Random, index: number, newId: () => string, options: WorkloadOptions): Deployed {
  const count = 1 + random.int(options.tasksMax);
  const tasks: Record<string, CanonicalTask> = {};
  const behaviours = new Map<string, Behaviour>();
  const failing = random.chance(0.7);
  for (let i = 0; i < count; i++) {
    const key = `t${i}`;
    tasks[key] = taskOf(random, i, tasks, options, index);
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
    inputs: { go: { type: "boolean", default: true } },
    ...(random.chance(0.2) ? { priority: 1 + random.int(5) } : {}),
    ...(options.isWide && random.chance(0.3) ? { concurrency: concurrencyOf(random) } : {}),
    ...(Object.keys(hooks).length === 0 ? {} : { hooks }),
  };
  const digest = `sha256:${index.toString(16).padStart(64, "0")}`;
  return { document, digest, workflowId: newId(), behaviours };
}

/** What a script may have beside the rest. */
function rarely(random: Random): Partial<CanonicalTask> {
  return {
    ...(random.chance(0.1) ? { timeoutTotalMs: Math.floor(random.between(5_000, 90_000)) } : {}),
    ...(random.chance(0.05) ? { queueTimeoutMs: Math.floor(random.between(5_000, 90_000)) } : {}),
    ...(random.chance(0.12) ? { limits: [{ name: random.pick(["small", "rate"]), weight: 1 }] } : {}),
    ...(random.chance(0.06) ? { concurrency: { key: byInput, limit: 1 + random.int(2) } } : {}),
  };
}

function concurrencyOf(random: Random): CanonicalConcurrency {
  return {
    ...(random.chance(0.5) ? { key: byInput } : {}),
    limit: 1 + random.int(2),
    onLimit: random.pick(onLimitKinds),
    maxQueued: 1 + random.int(4),
  };
}

function mappingOf(random: Random): Partial<CanonicalTask> {
  const list = random.chance(0.3)
    ? { matrix: { a: [1, 2], b: ["x", "y", "z"].slice(0, 1 + random.int(3)) } }
    : { forEach: Array.from({ length: random.int(8) }, (_, at) => at * 10) };
  return {
    ...list,
    maxParallel: 1 + random.int(4),
    ...(random.chance(0.3) ? { failFast: true } : {}),
    ...(random.chance(0.4) ? { minSuccess: random.chance(0.5) ? 1 : "50%" } : {}),
    ...(random.chance(0.25) ? { if: random.pick(eachIndex) } : {}),
  };
}

/** A task that the control plane carries itself. It never waits for ever, so that its run ends. */
function carriedHere(
  random: Random,
  options: WorkloadOptions,
  workflow: number,
): Pick<CanonicalTask, "action"> & Partial<CanonicalTask> {
  const timeoutMs = Math.floor(random.between(3_000, 60_000));
  const behind = options.workflows - workflow - 1;
  const kind = random.int(behind > 0 ? 4 : 3);
  if (kind === 0) return { action: { wait: { forMs: Math.floor(random.between(100, 30_000)) } } };
  if (kind === 1) {
    return {
      action: {
        wait: {
          event: {
            type: random.pick(eventTypes),
            timeoutMs,
            onTimeout: random.chance(0.5) ? "continue" : "fail",
            ...(random.chance(0.3) ? { if: eventAtLeast } : {}),
          },
        },
      },
    };
  }
  if (kind === 2) {
    return {
      action: {
        approval: {
          title: "go on?",
          from: ["role:operator"],
          need: 1 + random.int(2),
          timeoutMs,
          onTimeout: random.chance(0.5) ? "approve" : "reject",
          onReject: random.chance(0.3) ? "continue" : "fail",
        },
      },
    };
  }
  return {
    action: {
      workflow: { name: `w${workflow + 1 + random.int(behind)}`, ...(random.chance(0.15) ? { wait: false } : {}) },
    },
    ...(random.chance(0.3) ? { timeoutMs } : {}),
    retry: { attempts: 1 + random.int(3), delayMs: random.pick([0, 2000]), causes: ["child"] },
  };
}

function taskOf(
  random: Random,
  index: number,
  earlier: Readonly<Record<string, CanonicalTask>>,
  options: WorkloadOptions,
  workflow: number,
): CanonicalTask {
  const needs = new Set<string>();
  if (index > 0) for (let k = random.int(4); k > 0; k--) needs.add(`t${random.int(index)}`);
  const sorted = [...needs].sort();
  const leaseMs = random.pick(options.leasesMs);
  const join = random.chance(0.4) ? random.pick(joins) : undefined;
  const condition = random.chance(0.3) ? random.pick(Object.values(expressions)) : undefined;
  const withOutputs = sorted.filter((key) => {
    const task = earlier[key];
    return task?.outputs !== undefined && task.forEach === undefined && task.matrix === undefined;
  });
  if (options.isWide && random.chance(0.22)) {
    return {
      ...carriedHere(random, options, workflow),
      needs: sorted,
      ...(join === undefined ? {} : { join }),
      ...(condition === undefined ? {} : { if: condition }),
      ...(random.chance(0.2) ? { allowFailure: true } : {}),
    };
  }
  const mapped = options.isWide && random.chance(0.25) ? mappingOf(random) : {};
  const source = withOutputs.length > 0 && random.chance(0.7) ? random.pick(withOutputs) : undefined;
  return {
    action: { run: { script: "true" } },
    ...(options.isWide ? rarely(random) : {}),
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
    ...mapped,
    retry: {
      attempts: 1 + random.int(4),
      delayMs: random.pick([0, 500, 3000, 10_000]),
      factor: 2,
      maxDelayMs: 30_000,
      jitter: random.pick([0, 0.2]),
      lost: random.int(4),
      ...(options.isWide && random.chance(0.05) ? { onExhausted: "pause" as const } : {}),
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
    events: random.chance(0.2) ? 1 + random.int(4) : 0,
  };
}
