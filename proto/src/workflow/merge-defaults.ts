// `defaults` into a task: maps merge by key, the task wins, `null` takes away.
import type { z } from "zod";
import type { defaults } from "./task-schema.ts";
import type { TaskSource } from "./task-schema.ts";

export type DefaultsSource = z.infer<typeof defaults>;

/** Keys of `defaults` that merge into tasks. */
export const inheritedKeys = [
  "runsOn",
  "env",
  "timeout",
  "retry",
  "lease",
  "onLeaseEnd",
  "onLost",
  "grace",
  "resources",
  "priority",
  "data",
] as const;

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A task with the defaults in it and without any null. */
export function withDefaults(task: TaskSource, given: DefaultsSource | undefined): TaskSource {
  const merged: Record<string, unknown> = { ...task };
  for (const key of inheritedKeys) {
    const own: unknown = task[key];
    const common: unknown = given?.[key];
    if (own === null) delete merged[key];
    else if (own === undefined && common !== undefined) merged[key] = common;
    else if (isMap(own) && isMap(common)) merged[key] = { ...common, ...own };
  }
  const { python } = task;
  if (python !== undefined && given?.python !== undefined) {
    const long = typeof python === "string" ? { call: python } : python;
    const environment = { ...given.python.environment, ...long.environment };
    merged["python"] = {
      ...given.python,
      ...long,
      ...(Object.keys(environment).length === 0 ? {} : { environment }),
    };
  }
  return merged as TaskSource; // the same keys with values of the same types
}
