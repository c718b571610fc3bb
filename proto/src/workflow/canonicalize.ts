// From a document of the right shape to its canonical form.
//  N1. Written once, for one version of the language: a change here gives every deployed workflow another digest.
//  N2. Nothing is checked here; what does not parse stays as it is and was reported by the checker.
import { parseDuration } from "../duration.ts";
import { bareExpression, canonicalText, normalizedExpression } from "../expression/template.ts";
import { referencesOf } from "../expression/references.ts";
import { actionOf, hookActionOf } from "./canonical-action.ts";
import {
  hookNames,
  taskHookNames,
  type CanonicalHook,
  type CanonicalLimit,
  type CanonicalRunOutput,
  type CanonicalRunsOn,
  type CanonicalTask,
  type CanonicalWorkflow,
  type DynamicText,
  type Expr,
} from "./canonical.ts";
import type { CanonicalRetry } from "./canonical-repeat.ts";
import { forEachExpression } from "./context-names.ts";
import { classesOf, declarationOf } from "./declaration.ts";
import { chainOf } from "./mapping.ts";
import type { HookSource } from "./hook-schema.ts";
import { withDefaults } from "./merge-defaults.ts";
import type { RunsOnSource } from "./placement.ts";
import type { RetrySource } from "./retry-policy.ts";
import { dynamicJson, dynamicText, mapped, optional, present } from "./present.ts";
import { parseSize } from "./scalar-schema.ts";
import type { WorkflowSource } from "./schema.ts";
import type { TaskSource } from "./task-schema.ts";
import { calendarsOf, triggersOf } from "./triggers.ts";

const ms = (text: string): number => parseDuration(text) ?? 0;

const condition = (value: string | boolean): Expr => ({
  $expr: typeof value === "boolean" ? String(value) : normalizedExpression(bareExpression(value).source),
});

const retryOf = (source: RetrySource): CanonicalRetry => {
  const { delay, maxDelay, ...rest } = source;
  return present({ ...rest, delayMs: optional(delay, ms), maxDelayMs: optional(maxDelay, ms) }) as CanonicalRetry; // same keys, durations in ms
};

type LabelSource = Readonly<Record<string, string | readonly string[]>>;
const labelTexts = (labels: LabelSource): Record<string, DynamicText | readonly DynamicText[]> =>
  mapped(labels, (value) => (typeof value === "string" ? dynamicText(value) : value.map(dynamicText)));

function runsOnOf(source: RunsOnSource): CanonicalRunsOn {
  const { pool, expr, prefer, ...labels } = source;
  const texts = labelTexts(labels as LabelSource); // what is not ours is a label
  return present({
    pool,
    labels: Object.keys(texts).length === 0 ? undefined : texts,
    expr: optional(expr, condition),
    prefer:
      prefer === undefined || prefer.length === 0
        ? undefined
        : prefer.map((one) => present({ ...one, labels: optional(one.labels, labelTexts) })),
  }) as CanonicalRunsOn; // every key of the canonical form, from the same key of the source
}

/** No limit at all is the same as an empty list. */
const limitsOf = (source: NonNullable<TaskSource["limits"]>): readonly CanonicalLimit[] | undefined =>
  source.length === 0
    ? undefined
    : source.map((limit) =>
        typeof limit === "string"
          ? { name: limit }
          : { name: limit.name, ...(limit.weight === undefined ? {} : { weight: limit.weight }) },
      );

function taskOf(source: TaskSource): Omit<CanonicalTask, "needs"> {
  return present({
    title: source.title,
    description: source.description,
    tags: source.tags,
    action: actionOf(source),
    with: optional(source.with, (map) => mapped(map, dynamicJson)),
    env: optional(source.env, (map) => mapped(map, dynamicJson)),
    join: source.join,
    if: optional(source.if, condition),
    allowFailure: source.allowFailure,
    runsOn: optional(source.runsOn, runsOnOf),
    resources: optional(source.resources, ({ memory, disk, ...rest }) =>
      present({ ...rest, memory: optional(memory, parseSize), disk: optional(disk, parseSize) }),
    ),
    timeoutMs: optional(source.timeout, ms),
    timeoutTotalMs: optional(source.timeoutTotal, ms),
    queueTimeoutMs: optional(source.queueTimeout, ms),
    graceMs: optional(source.grace, ms),
    leaseMs: optional(source.lease, ms),
    onLeaseEnd: source.onLeaseEnd,
    onLost: source.onLost,
    retry: optional(source.retry, retryOf),
    priority: source.priority,
    limits: optional(source.limits, limitsOf),
    concurrency: optional(source.concurrency, ({ key, limit }) => present({ key: dynamicText(key), limit })),
    outputs: optional(source.outputs, (map) => mapped(map, declarationOf)),
    data: optional(source.data, classesOf),
    logs: source.logs,
    poll: optional(source.poll, pollOf),
    cache: optional(source.cache, ({ key, ttl, scope }) =>
      present({ key: optional(key, dynamicText), ttlMs: optional(ttl, ms), scope }),
    ),
    forEach: optional(source.forEach, dynamicJson),
    matrix: optional(source.matrix, (map) => mapped(map, dynamicJson)),
    maxParallel: source.maxParallel,
    failFast: source.failFast,
    minSuccess: source.minSuccess,
    hooks: optional(source.hooks, (given) =>
      present(Object.fromEntries(taskHookNames.map((name) => [name, given[name]?.map(hookOf)]))),
    ),
    sla: optional(source.sla, taskSlaOf),
  }) as unknown as Omit<CanonicalTask, "needs">; // every key of the canonical task, from the same key of the source
}

const pollOf = ({ every, maxEvery, until, timeout, ...rest }: NonNullable<TaskSource["poll"]>) =>
  present({
    ...rest,
    everyMs: optional(every, ms),
    maxEveryMs: optional(maxEvery, ms),
    until: optional(until, condition),
    timeoutMs: optional(timeout, ms),
  });

function hookOf(source: HookSource): CanonicalHook {
  return present({
    action: hookActionOf(source),
    if: optional(source.if, condition),
    with: optional(source.with, (map) => mapped(map, dynamicJson)),
    env: optional(source.env, (map) => mapped(map, dynamicJson)),
    runsOn: optional(source.runsOn, runsOnOf),
    timeoutMs: optional(source.timeout, ms),
    retry: optional(source.retry, retryOf),
  }) as unknown as CanonicalHook; // as above
}

const taskSlaOf = (source: { readonly startWithin?: string | undefined; readonly maxDuration?: string | undefined }) =>
  present({
    startWithinMs: optional(source.startWithin, ms),
    maxDurationMs: optional(source.maxDuration, ms),
  });

function runOutputOf(source: unknown): CanonicalRunOutput {
  if (typeof source !== "object" || source === null) return { value: dynamicJson(source) };
  const { value, type, description } = source as {
    value: unknown;
    type?: CanonicalRunOutput["type"];
    description?: string;
  }; // by the schema
  return present({ value: dynamicJson(value), type, description }) as CanonicalRunOutput;
}

/** Ids of the tasks that the expressions of a task refer to. Text that does not parse refers to none. */
export function referredTasks(tree: unknown): ReadonlySet<string> {
  const ids = new Set<string>();
  forEachExpression(tree, (expr) => {
    try {
      for (const { root, steps } of referencesOf(expr.$expr)) {
        if (root === "tasks" && steps[0] !== undefined) ids.add(steps[0].name);
      }
    } catch {
      // The checker reports the syntax.
    }
  });
  return ids;
}

function usedSecrets(
  document: Omit<CanonicalWorkflow, "secrets">,
  declared: Readonly<Record<string, string>>,
): Record<string, string> {
  const used: Record<string, string> = {};
  forEachExpression(document, (expr) => {
    try {
      for (const { root, steps } of referencesOf(expr.$expr)) {
        const name = root === "secrets" ? steps[0]?.name : undefined;
        const reference = name === undefined || !Object.hasOwn(declared, name) ? undefined : declared[name];
        if (name !== undefined && reference !== undefined) used[name] = reference;
      }
    } catch {
      // The checker reports the syntax.
    }
  });
  return used;
}

/** The declared secrets as a map; a name alone means the project's reference. */
export const secretsOf = (source: WorkflowSource["secrets"]): Readonly<Record<string, string>> =>
  Array.isArray(source) ? Object.fromEntries(source.map((name) => [name, "project"])) : (source ?? {});

/** The canonical form of a document of the right shape. */
export function canonicalize(source: WorkflowSource): CanonicalWorkflow {
  const tasks = mapped(source.tasks, (written): CanonicalTask => {
    // What a hook of a task refers to is no need of the task: the hook comes after it.
    const { action, hooks: after, ...rest } = taskOf(withDefaults(written, source.defaults));
    const chain = chainOf(rest);
    const chained = chain === undefined ? [] : [chain];
    const needs = [...new Set([...(written.needs ?? []), ...chained, ...referredTasks([action, rest])])].sort();
    return { ...rest, action, needs, ...(after === undefined ? {} : { hooks: after }) };
  });
  const { hooks } = source;
  const document = present({
    version: 1 as const,
    name: source.name,
    title: source.title,
    description: source.description,
    owner: source.owner,
    tags: source.tags,
    triggers: optional(source.triggers, triggersOf),
    calendars: optional(source.calendars, calendarsOf),
    inputs: optional(source.inputs, (map) => mapped(map, declarationOf)),
    vars: optional(source.vars, (names) => (names.length === 0 ? undefined : [...new Set(names)].toSorted())),
    data: optional(source.data, (map) =>
      mapped(map, ({ allowedOn, ...rest }) => present({ ...rest, allowedOn: mapped(allowedOn, classesOf) })),
    ),
    code: optional(source.code, present),
    labels: optional(source.labels, (map) => mapped(map, dynamicText)),
    concurrency: optional(source.concurrency, ({ key, ...rest }) =>
      present({ key: optional(key, dynamicText), ...rest }),
    ),
    priority: typeof source.priority === "string" ? canonicalText(source.priority) : source.priority,
    fairnessKey: optional(source.fairnessKey, dynamicText),
    overridable: optional(source.overridable, (pointers) =>
      pointers.length === 0 ? undefined : [...new Set(pointers)].toSorted(),
    ),
    timeoutMs: optional(source.timeout, ms),
    cleanupTimeoutMs: optional(source.cleanupTimeout, ms),
    tasks,
    outputs: optional(source.outputs, (map) => mapped(map, runOutputOf)),
    hooks: optional(hooks, (given) =>
      present(Object.fromEntries(hookNames.map((name) => [name, given[name]?.map(hookOf)]))),
    ),
    sla: optional(source.sla, ({ finishBy, timezone, ...marks }) =>
      present({ ...taskSlaOf(marks), finishBy, timezone }),
    ),
  }) as Omit<CanonicalWorkflow, "secrets">; // every key of the canonical form, from the same key of the source
  const secrets = usedSecrets(document, secretsOf(source.secrets));
  return Object.keys(secrets).length === 0 ? document : { ...document, secrets };
}
