import { isRunEnded, isTaskRunEnded, type CanonicalTask } from "@capstan/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";
import type { TimerKind } from "./event.ts";
import { isSettled } from "./snapshot.ts";

const kinds = ["script", "timed", "wait", "event", "approval", "late"] as const;
const taskOf = (kind: (typeof kinds)[number], needs: readonly string[]): CanonicalTask => {
  const timeoutMs = 5_000;
  switch (kind) {
    case "script":
      return script({ needs, retry: { attempts: 3, delayMs: 1_000, jitter: 0 } });
    case "timed":
      return script({ needs, timeoutTotalMs: 8_000, queueTimeoutMs: 4_000, retry: { attempts: 4, delayMs: 3_000 } });
    case "late":
      return script({ needs, sla: { startWithinMs: 500, maxDurationMs: 2_000 } });
    case "wait":
      return { needs, action: { wait: { forMs: 3_000 } } };
    case "event":
      return { needs, action: { wait: { event: { type: "t", timeoutMs, onTimeout: "continue" } } } };
    case "approval":
      return {
        needs,
        action: { approval: { title: "?", from: ["role:operator"], need: 1, timeoutMs, onTimeout: "reject" } },
      };
  }
};
const graphs = fc.array(
  fc.record({ kind: fc.constantFrom(...kinds), need: fc.option(fc.nat(5), { nil: undefined }) }),
  {
    minLength: 1,
    maxLength: 6,
  },
);
const steps = fc.array(fc.record({ what: fc.nat(6), at: fc.nat(5), afterMs: fc.nat(4_000) }), { maxLength: 40 });

/** The timer that fires first: at its time, not before. False where none stands. */
function fireFirst(run: EngineFixture, untilMs: number): boolean {
  const [first] = [...run.timers].sort(([, a], [, b]) => a - b);
  if (first === undefined || first[1] > untilMs) return false;
  const [place, dueMs] = first;
  const split = place.indexOf(":");
  run.nowMs = Math.max(run.nowMs, dueMs);
  const timer = place.slice(split + 1) as TimerKind; // as the draft wrote it
  run.send({ kind: "timer", position: Number(place.slice(0, split)), timer });
  return true;
}

function act(run: EngineFixture, what: number, key: string): void {
  const position = run.position(key);
  const task = run.run.tasks[position];
  if (what === 0) return void run.send({ kind: "pause_run", actor: "a", reason: "" });
  if (what === 1) return void run.send({ kind: "resume_run", actor: "a" });
  if (what === 2 && position % 3 === 0) return void run.cancel(position % 2 === 0);
  if (task?.live === undefined) return;
  if (what === 3) run.begin(key);
  else if (what === 4) run.fail(key);
  else if (what === 5) run.lose(key, "given_back");
  else run.finish(key);
}

/** What is wrong with the timers that stand. */
function problemsOf(run: EngineFixture): string[] {
  const problems: string[] = [];
  for (const { key, position } of run.run.plan.tasks) {
    const task = run.run.tasks[position];
    const own = [...run.timers.keys()].filter((place) => place.startsWith(`${position}:`));
    if (task === undefined || isTaskRunEnded(task.state)) {
      if (own.length > 0) problems.push(`${key} has ended and ${own.join(" ")} stands`);
    } else if (task.state === "retrying") {
      if (run.timers.get(`${position}:retry`) !== task.dueMs) problems.push(`${key} is not tried again at its time`);
    } else if (task.state === "suspended" && !own.includes(`${position}:suspended`)) {
      problems.push(`${key} is suspended without a timer`);
    }
  }
  if (isRunEnded(run.run.state) && isSettled(run.run) && run.timers.size > 0) problems.push("a timer outlives its run");
  return problems;
}

test("what waits for a time has its timer, what has ended has none, and timers alone bring a run to its end", () => {
  fc.assert(
    fc.property(graphs, steps, (graph, happened) => {
      const tasks = graph.map(({ kind, need }, at): [string, CanonicalTask] => [
        `t${at}`,
        taskOf(kind, need === undefined || need >= at ? [] : [`t${need}`]),
      ]);
      const run = new EngineFixture({ tasks: Object.fromEntries(tasks), sla: { maxDurationMs: 6_000 } });
      const wrong = problemsOf(run);
      for (const { what, at, afterMs } of happened) {
        const untilMs = run.nowMs + afterMs;
        while (fireFirst(run, untilMs)) wrong.push(...problemsOf(run));
        run.nowMs = untilMs;
        act(run, what, `t${at % graph.length}`);
        wrong.push(...problemsOf(run));
      }
      run.send({ kind: "resume_run", actor: "a" });
      for (let round = 0; round < 200 && !isSettled(run.run); round++) {
        for (const [key] of tasks) if (run.run.tasks[run.position(key)]?.live !== undefined) run.finish(key);
        fireFirst(run, Number.POSITIVE_INFINITY);
        wrong.push(...problemsOf(run));
      }
      expect(wrong).toEqual([]);
      expect(isSettled(run.run)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});
