import { isRunEnded, isTaskRunEnded, joinKinds, type CanonicalTask } from "@capstan/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";
import { isSettled } from "./snapshot.ts";

interface Shape {
  readonly tasks: readonly {
    readonly needs: readonly number[];
    readonly join: (typeof joinKinds)[number] | undefined;
    readonly allowFailure: boolean;
    readonly cleanup: boolean;
    readonly attempts: number;
    readonly onExhausted: "fail" | "pause";
  }[];
}

/** Graphs of up to eight tasks; a task needs only earlier ones, so there is no cycle. */
const shapes: fc.Arbitrary<Shape> = fc
  .array(
    fc.record({
      needs: fc.array(fc.nat(7), { maxLength: 4 }),
      join: fc.option(fc.constantFrom(...joinKinds), { nil: undefined }),
      allowFailure: fc.boolean(),
      cleanup: fc.boolean(),
      attempts: fc.integer({ min: 1, max: 3 }),
      onExhausted: fc.constantFrom("fail", "pause"),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((tasks) => ({
    tasks: tasks.map((task, i) => ({
      ...task,
      needs: [...new Set(task.needs.filter((need) => need < i))].sort((a, b) => a - b),
    })),
  }));

const steps = fc.array(fc.tuple(fc.nat(7), fc.nat(15)), { maxLength: 80 });

const workflowOf = (shape: Shape): Record<string, CanonicalTask> =>
  Object.fromEntries(
    shape.tasks.map((task, i) => [
      `t${i}`,
      script({
        needs: task.needs.map((need) => `t${need}`),
        allowFailure: task.allowFailure,
        retry: { attempts: task.attempts, delayMs: 0, onExhausted: task.onExhausted },
        ...(task.join === undefined ? {} : { join: task.join }),
        ...(task.cleanup ? { if: { $expr: "always()" } } : {}),
      }),
    ]),
  );

/** One thing that can happen to a task, chosen by a number; nothing where it cannot happen now. */
function happen(run: EngineFixture, key: string, what: number): void {
  const task = run.task(key);
  if (what === 9) return void run.send({ kind: "pause_run", actor: "a", reason: "r" });
  if (what === 10) return void run.send({ kind: "resume_run", actor: "a" });
  if (what === 11) return void run.send({ kind: "retry_now", position: run.position(key), actor: "a" });
  const marked = (["succeeded", "failed", "skipped"] as const)[what - 12];
  if (marked !== undefined) {
    const mark = { state: marked, actor: "a", reason: "r" };
    return void run.send({ kind: "mark_task", position: run.position(key), mark });
  }
  if (task.state === "suspended") run.send({ kind: "retry_now", position: run.position(key), actor: "a" });
  else if (task.state === "retrying") run.retry(key);
  else if (task.live === undefined) return;
  else if (what < 4) run.finish(key);
  else if (what === 4) run.fail(key);
  else if (what === 5) run.begin(key);
  else if (what === 6) run.lose(key);
  else if (what === 7) run.lose(key, "given_back");
  else if (what === 8) run.send({ kind: "cancel_task", position: run.position(key), actor: "a", reason: "r" });
  else run.cancel();
}

test("whatever happens in whatever order, a run ends once everything that was started has ended", () => {
  fc.assert(
    fc.property(shapes, steps, (shape, chosen) => {
      const run = new EngineFixture({ tasks: workflowOf(shape) });
      for (const [at, what] of chosen) {
        const before = run.run.tasks;
        happen(run, `t${at % shape.tasks.length}`, what);
        const changed = before.filter(
          (task, position) =>
            task !== undefined && isTaskRunEnded(task.state) && run.run.tasks[position]?.state !== task.state,
        );
        expect(changed).toEqual([]);
      }
      // Nobody pauses it any more, and now every attempt succeeds; at most every task runs as often as it may.
      run.send({ kind: "resume_run", actor: "a" });
      for (let round = 0; round < 100 && !isSettled(run.run); round++) {
        for (let i = 0; i < shape.tasks.length; i++) happen(run, `t${i}`, 0);
      }
      expect(isRunEnded(run.run.state)).toBe(true);
      expect(
        Object.values(run.states).every((state) =>
          ["succeeded", "failed", "timed_out", "cancelled", "skipped"].includes(state),
        ),
      ).toBe(true);
      expect(run.run.openTasks).toBe(0);
    }),
    { numRuns: 1000 },
  );
});

test("no task starts before the needs that its join waits for, and none runs twice at once", () => {
  fc.assert(
    fc.property(shapes, steps, (shape, chosen) => {
      const run = new EngineFixture({ tasks: workflowOf(shape) });
      for (const [at, what] of chosen) happen(run, `t${at % shape.tasks.length}`, what);
      shape.tasks.forEach((task, i) => {
        const one = run.task(`t${i}`);
        const join = task.join ?? (task.cleanup ? "all_done" : "all_success");
        const waited = one.attempts === 0 || join === "one_success" ? [] : task.needs;
        expect(waited.filter((need) => !isTaskRunEnded(run.task(`t${need}`).state))).toEqual([]);
      });
      const epochs = run.history
        .filter((item) => item.type === "task.dispatched")
        .map((item) => `${item.task} ${item.epoch}`);
      expect(new Set(epochs).size).toBe(epochs.length);
    }),
    { numRuns: 1000 },
  );
});
