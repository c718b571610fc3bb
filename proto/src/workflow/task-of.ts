// From a task key to its task. A hook is a task run of its own under the key `hooks.onSuccess.0`.
import {
  hookNames,
  type CanonicalHook,
  type CanonicalTask,
  type CanonicalWorkflow,
  type HookName,
} from "./canonical.ts";
import { hookAttempts, hookTimeoutMs } from "./defaults.ts";

const hookKeyPattern = /^hooks\.(on[A-Z][a-z]+)\.(0|[1-9][0-9]?)$/;

/** The key of the task run that carries an entry of `hooks`. */
export const hookKey = (name: HookName, position: number): string => `hooks.${name}.${position}`;

/** The parts of a hook key, or undefined for anything else. */
export function parseHookKey(key: string): { readonly name: HookName; readonly position: number } | undefined {
  const match = hookKeyPattern.exec(key);
  const name = hookNames.find((known) => known === match?.[1]);
  return name === undefined ? undefined : { name, position: Number(match?.[2]) };
}

const hookTasks = new WeakMap<CanonicalHook, CanonicalTask>();

/**
 * The canonical task of a plain id or a hook key; undefined where the document has none.
 * A notifier hook comes with the limits of notifiers filled in (20 s, 5 attempts).
 */
export function taskOf(document: CanonicalWorkflow, key: string): CanonicalTask | undefined {
  if (Object.hasOwn(document.tasks, key)) return document.tasks[key];
  const parts = parseHookKey(key);
  const hook = parts === undefined ? undefined : document.hooks?.[parts.name]?.[parts.position];
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

/** Keys of the hooks of one event, in the order of the document. */
export const hookKeysOf = (document: CanonicalWorkflow, name: HookName): readonly string[] =>
  (document.hooks?.[name] ?? []).map((_, position) => hookKey(name, position));
