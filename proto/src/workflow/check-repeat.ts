// `poll` and `cache`: when a task is carried again, and when not at all.
import { parseDuration } from "../duration.ts";
import type { ProblemList } from "./problems.ts";
import type { TaskSource } from "./task-schema.ts";

type Path = readonly (string | number)[];

export function checkPoll(
  task: TaskSource,
  poll: NonNullable<TaskSource["poll"]>,
  path: Path,
  problems: ProblemList,
): void {
  const { every = "30s", maxEvery } = poll;
  if (maxEvery !== undefined && (parseDuration(maxEvery) ?? Infinity) < (parseDuration(every) ?? 0)) {
    problems.add({
      code: "bad_value",
      detail: `maxEvery (${maxEvery}) is shorter than every (${every})`,
      path: [...path, "poll", "maxEvery"],
    });
  }
  if (task.outputs?.["polls"] !== undefined) {
    problems.add({
      code: "reserved_name",
      detail: "polls: a task with poll gives this output by itself, how many polls it took",
      path: [...path, "outputs", "polls"],
      atKey: true,
    });
  }
}

export function checkCache(task: TaskSource, path: Path, problems: ProblemList): void {
  if (task.poll === undefined) return;
  problems.add({
    code: "not_applicable",
    detail: "cache does not apply to a task with poll, which looks at what changes",
    path: [...path, "cache"],
    atKey: true,
  });
}
