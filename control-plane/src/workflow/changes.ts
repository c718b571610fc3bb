// What differs between two versions, in sentences for the person who deploys.
import { isDeepStrictEqual } from "node:util";
import { formatDuration, type CanonicalWorkflow } from "@capstan/proto";

const limit = 20;

/** At most 20 sentences, tasks first. */
export function changesBetween(before: CanonicalWorkflow, after: CanonicalWorkflow, bundleChanged: boolean): string[] {
  const found = [
    ...membersChanged("task", before.tasks, after.tasks),
    ...membersChanged("input", before.inputs ?? {}, after.inputs ?? {}),
    ...membersChanged("output", before.outputs ?? {}, after.outputs ?? {}),
    ...membersChanged("secret", before.secrets ?? {}, after.secrets ?? {}),
    ...durationChanged("timeout", before.timeoutMs, after.timeoutMs),
    ...restChanged(before, after),
    ...(bundleChanged || !isDeepStrictEqual(before.code, after.code) ? ["code changed"] : []),
  ];
  return found.length <= limit ? found : [...found.slice(0, limit - 1), `${found.length - limit + 1} more changes`];
}

function membersChanged(
  kind: string,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  return names.flatMap((name) => {
    if (!Object.hasOwn(before, name)) return [`${kind} ${name} added`];
    if (!Object.hasOwn(after, name)) return [`${kind} ${name} removed`];
    return isDeepStrictEqual(before[name], after[name]) ? [] : [`${kind} ${name} changed`];
  });
}

function durationChanged(name: string, before: number | undefined, after: number | undefined): string[] {
  if (before === after) return [];
  const text = (ms: number | undefined): string => (ms === undefined ? "default" : formatDuration(ms));
  return [`${name} ${text(before)} → ${text(after)}`];
}

const told = new Set(["tasks", "inputs", "outputs", "secrets", "timeoutMs", "name", "version", "code"]);

function restChanged(before: CanonicalWorkflow, after: CanonicalWorkflow): string[] {
  const all: Readonly<Record<string, unknown>> = { ...before };
  const next: Readonly<Record<string, unknown>> = { ...after };
  const keys = [...new Set([...Object.keys(all), ...Object.keys(next)])].filter((key) => !told.has(key)).toSorted();
  return keys.flatMap((key) => (isDeepStrictEqual(all[key], next[key]) ? [] : [`${key} changed`]));
}
