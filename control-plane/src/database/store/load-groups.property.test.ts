import { isTaskRunEnded, type CanonicalTask } from "@capstan/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { MapState } from "../../engine/group.ts";
import { takeTurn } from "../../engine/group.ts";
import { isSettled, taskAt, type Run, type TaskRun } from "../../engine/snapshot.ts";
import { EngineFixture, script } from "../../testing/engine-fixture.ts";
import { runRowOf, taskRowOf } from "../../testing/run-rows.ts";
import { runFromRows, type TaskRow } from "./load-run.ts";

/** What the commit stage writes of a task run beside its own columns. */
const keptOf = (task: TaskRun, isChain: boolean): Pick<TaskRow, "counters" | "items"> => ({
  counters: {
    tries: task.tries,
    avoid: task.avoid,
    stopping: task.stopping,
    ...(task.effect === undefined ? {} : { effect: task.effect }),
    ...(task.map === undefined
      ? {}
      : { map: { base: task.map.base, total: task.map.items.length, stopped: task.map.stopped } }),
  },
  items: isChain ? null : (task.map?.items ?? null),
});

function reloaded(run: Run): Run {
  const { plan } = run;
  const size = plan.tasks.length + run.groups.reduce((sum, group) => sum + group.size, 0);
  const tasks = Array.from({ length: size }, (_, position) => taskAt(run, position)).filter(
    (task) => task !== undefined,
  );
  const live = tasks.flatMap((task) =>
    task.live === undefined
      ? []
      : [
          {
            ...task.live,
            position: task.position,
            agent: task.live.agentId,
            offered: task.live.offeredMs,
            started: task.live.startedMs ?? null,
          },
        ],
  );
  const rows = tasks.map((task) =>
    taskRowOf(task, keptOf(task, plan.tasks[task.position]?.mapping?.head !== undefined)),
  );
  return runFromRows({ run: runRowOf(run), tasks: rows, live, project: run.project }, plan);
}

/** What counts of a group: its counters, and whose turn it is. The order of turns may be another one. */
function known(run: Run, map: MapState | undefined): object | undefined {
  if (map === undefined) return undefined;
  const turns: number[] = [];
  for (let taken = takeTurn(map); taken !== undefined; taken = takeTurn(taken.map)) turns.push(taken.index);
  // Nobody has a turn any more in a group that is stopped.
  const wanted = (map.stopped ? [] : turns).filter((index) => {
    const task = taskAt(run, map.base + index);
    return task === undefined || (task.state === "retrying" && task.reason?.code === "limit_reached");
  });
  const { turn: _turn, first: _first, ...counters } = map;
  return { ...counters, turns: [...new Set(wanted)].sort((a, b) => a - b) };
}

const each: CanonicalTask = script({
  forEach: [0, 1, 2, 3, 4, 5, 6],
  maxParallel: 2,
  minSuccess: "40%",
  if: { $expr: "item != 3" },
  retry: { attempts: 2, delayMs: 0 },
  outputs: { n: { type: "integer" } },
});

test("a reload counts of a group what was counted event by event, and knows whose turn it is", () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(fc.tuple(fc.nat(1), fc.nat(6), fc.nat(8)), { maxLength: 50 }),
      (failFast, steps) => {
        const run = new EngineFixture({
          tasks: {
            a: { ...each, failFast },
            b: script({ forEach: { chain: "a" }, needs: ["a", "c"], join: "all_done", maxParallel: 2 }),
            c: script(),
          },
        });
        for (const [which, index, what] of steps) {
          if (isSettled(run.run)) break;
          if (what === 8) run.cancel();
          else if (what === 7 && run.task("c").live !== undefined) run.finish("c");
          const key = which === 0 ? "a" : "b";
          const state = run.indexStates(key)[index];
          if (state === undefined || state === "-" || isTaskRunEnded(run.task(`${key}.${index}`).state)) continue;
          const task = run.task(`${key}.${index}`);
          if (task.reason?.code === "retry_backoff") run.retry(`${key}.${index}`);
          else if (task.live !== undefined && what < 5) {
            run.finish(`${key}.${index}`, { outputs: key === "a" ? { n: index } : {} });
          } else if (task.live !== undefined) run.fail(`${key}.${index}`);
          const again = reloaded(run.run);
          expect(again.groups).toEqual(run.run.groups);
          expect(again.openTasks).toBe(run.run.openTasks);
          for (const one of ["a", "b"]) {
            const position = run.position(one);
            const [before, after] = [run.run.tasks[position]?.map, again.tasks[position]?.map];
            expect(known(again, after)).toEqual(known(run.run, before));
          }
        }
      },
    ),
    { numRuns: 150 },
  );
});

test("a reload keeps a group without indexes before the one that has its base, so that the next is behind both", () => {
  const run = new EngineFixture({
    tasks: {
      a: script({ forEach: [0, 1], needs: ["s"] }),
      s: script(),
      t: script({ forEach: [7], needs: ["a"] }),
      z: script({ forEach: [] }),
    },
  });
  run.finish("s");
  expect(run.run.groups.map((group) => group.size)).toEqual([0, 2]);
  expect(reloaded(run.run).groups).toEqual(run.run.groups);
});
