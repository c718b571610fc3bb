// `runsOn.prefer`: each entry names labels or a task, and the task is one.
import { guess } from "../expression/nearest.ts";
import type { HookSource } from "./hook-schema.ts";
import type { RunsOnSource } from "./placement.ts";
import type { ProblemList } from "./problems.ts";
import type { WorkflowSource } from "./schema.ts";

type Path = readonly (string | number)[];
type HookLists = Readonly<Record<string, readonly HookSource[] | undefined>> | undefined;

/** Looks at `defaults`, tasks and hooks. */
export function checkPreferences(source: WorkflowSource, problems: ProblemList): void {
  const ids = Object.keys(source.tasks);
  const check = (runsOn: RunsOnSource | null | undefined, path: Path): void => {
    for (const [index, { labels, sameAs }] of (runsOn?.prefer ?? []).entries()) {
      const at = [...path, "runsOn", "prefer", index];
      if ((labels === undefined) === (sameAs === undefined)) {
        problems.add({ code: "bad_value", detail: "a preference has either labels or sameAs", path: at });
      } else if (sameAs !== undefined && !ids.includes(sameAs)) {
        const detail = `${sameAs} is not a task`;
        problems.add({ code: "unknown_task", detail, hint: guess(sameAs, ids), path: [...at, "sameAs"] });
      }
    }
  };
  const checkHooks = (hooks: HookLists, path: Path): void => {
    for (const [name, entries] of Object.entries(hooks ?? {}))
      for (const [index, entry] of (entries ?? []).entries()) check(entry.runsOn, [...path, name, index]);
  };
  check(source.defaults?.runsOn, ["defaults"]);
  checkHooks(source.hooks, ["hooks"]);
  for (const [id, task] of Object.entries(source.tasks)) {
    check(task.runsOn, ["tasks", id]);
    checkHooks(task.hooks, ["tasks", id, "hooks"]);
  }
}
