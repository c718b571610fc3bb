// From a task key to its task. A hook is a task run of its own under the key `hooks.onSuccess.0`, or `load.hooks.onSuccess.0`
// where it is a hook of the task `load`.
import {
  hookNames,
  taskHookNames,
  type CanonicalHook,
  type CanonicalTask,
  type CanonicalWorkflow,
  type HookName,
} from "./canonical.ts";
import { hookAttempts, hookTimeoutMs } from "./defaults.ts";

const hookKeyPattern = /^(?:([a-z][a-z0-9_]{0,62})\.)?hooks\.(on[A-Z][a-z]+)\.(0|[1-9][0-9]?)$/;

/** The key of the task run that carries an entry of `hooks`: of the run, or of a task. */
export const hookKey = (name: HookName, position: number, task?: string): string =>
  `${task === undefined ? "" : `${task}.`}hooks.${name}.${position}`;

export interface HookKey {
  /** The task whose hook it is; undefined for a hook of the run. */
  readonly task: string | undefined;
  readonly name: HookName;
  readonly position: number;
}

/** The parts of a hook key, or undefined for anything else. */
export function parseHookKey(key: string): HookKey | undefined {
  const match = hookKeyPattern.exec(key);
  if (match === null) return undefined;
  const [, task, written, position] = match;
  const known: readonly HookName[] = task === undefined ? hookNames : taskHookNames;
  const name = known.find((one) => one === written);
  return name === undefined ? undefined : { task, name, position: Number(position) };
}

const hookTasks = new WeakMap<CanonicalHook, CanonicalTask>();

/**
 * The canonical task of a plain id, of an index (`train.3`) or of a hook key; undefined where the document has none.
 * A notifier hook comes with the limits of notifiers filled in (20 s, 5 attempts).
 */
export function taskOf(document: CanonicalWorkflow, key: string): CanonicalTask | undefined {
  if (Object.hasOwn(document.tasks, key)) return document.tasks[key];
  const mapped = parseIndexKey(key)?.task;
  if (mapped !== undefined && Object.hasOwn(document.tasks, mapped)) return document.tasks[mapped];
  const parts = parseHookKey(key);
  const hook = parts === undefined ? undefined : hooksOf(document, parts.name, parts.task)[parts.position];
  if (hook === undefined) return undefined;
  const known = hookTasks.get(hook);
  if (known !== undefined) return known;
  const timeoutMs = hook.timeoutMs ?? ("notify" in hook.action ? hookTimeoutMs : undefined);
  const task: CanonicalTask = {
    ...hook,
    needs: [],
    retry: { attempts: hookAttempts, ...hook.retry },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
  hookTasks.set(hook, task);
  return task;
}

/** `train.3` in its parts; undefined for a plain id or a hook key. */
export function parseIndexKey(key: string): { readonly task: string; readonly index: number } | undefined {
  const [, task, index] = /^([a-z][a-z0-9_]*)\.(0|[1-9]\d{0,4})$/.exec(key) ?? [];
  return task === undefined ? undefined : { task, index: Number(index) };
}

/** How many task runs a run of a document has before any list is known: its tasks and its hooks. */
export const plannedCount = (document: CanonicalWorkflow): number =>
  Object.keys(document.tasks).length +
  hookNames.reduce((count, name) => count + hooksOf(document, name, undefined).length, 0) +
  Object.keys(document.tasks).reduce(
    (count, task) => count + taskHookNames.reduce((more, name) => more + hooksOf(document, name, task).length, 0),
    0,
  );

/** The entries of one event: of the run's hooks, or of those of a task. */
function hooksOf(document: CanonicalWorkflow, name: HookName, task: string | undefined): readonly CanonicalHook[] {
  const hooks: Readonly<Partial<Record<HookName, readonly CanonicalHook[]>>> | undefined =
    task === undefined ? document.hooks : Object.hasOwn(document.tasks, task) ? document.tasks[task]?.hooks : undefined;
  return hooks?.[name] ?? [];
}

/** Keys of the hooks of one event, in the order of the document. */
export const hookKeysOf = (document: CanonicalWorkflow, name: HookName, task?: string): readonly string[] =>
  hooksOf(document, name, task).map((_, position) => hookKey(name, position, task));
