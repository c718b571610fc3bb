// Mapped tasks against what the language says, written once more in the plainest way.
import { isTaskRunEnded, itemsOf, scopeAt, type CanonicalTask, type JsonValue } from "@capstan/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";
import { groupOutcome } from "./group.ts";
import { isSettled } from "./snapshot.ts";

type MinSuccess = CanonicalTask["minSuccess"];

const minSuccesses: fc.Arbitrary<MinSuccess> = fc.oneof(
  fc.constant(undefined),
  fc.nat(12),
  fc.nat(100).map((share) => `${share}%`),
);

/** "Outcome of the group", line by line, over the states of all indexes; `-` is one that never began. */
function outcomeByTheBook(states: readonly string[], minSuccess: MinSuccess): string {
  const n = states.length;
  const k = states.filter((state) => state === "skipped").length;
  const s = states.filter((state) => state === "succeeded").length;
  let m: number;
  if (typeof minSuccess === "number") m = minSuccess;
  else {
    const share = minSuccess === undefined ? 100 : Number.parseInt(minSuccess, 10);
    m = 0;
    while (m * 100 < share * (n - k)) m += 1;
  }
  if (n === 0) return "succeeded";
  if (k === n) return "skipped";
  if (s >= m) return "succeeded";
  return states.includes("failed") || states.includes("timed_out") ? "failed" : "cancelled";
}

test("the outcome of a group is what the written rule says, for any ends of its indexes", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("succeeded", "failed", "timed_out", "skipped", "cancelled"), { maxLength: 12 }),
      minSuccesses,
      (states, minSuccess) => {
        const count = (...which: string[]): number => states.filter((state) => which.includes(state)).length;
        const counts = {
          total: states.length,
          succeeded: count("succeeded"),
          failed: count("failed", "timed_out"),
          skipped: count("skipped"),
          cancelled: count("cancelled"),
        };
        expect(groupOutcome(counts, minSuccess)).toBe(outcomeByTheBook(states, minSuccess));
      },
    ),
    { numRuns: 500 },
  );
});

const values = fc.array(fc.constantFrom<JsonValue>(1, 2, "x", true, null), { maxLength: 4 });

test("a matrix is every combination once, in the order of the last key first to change, for any lists", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom("a", "b", "c", "d"), values, { minKeys: 1 }),
      fc.array(fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom<JsonValue>(1, "x"), { minKeys: 1 }), {
        maxLength: 2,
      }),
      fc.array(fc.dictionary(fc.constantFrom("a", "z"), fc.constantFrom<JsonValue>(7), { minKeys: 1 }), {
        maxLength: 2,
      }),
      (lists, exclude, include) => {
        const keys = Object.keys(lists).sort();
        const combinations = (from: number): Record<string, JsonValue>[] => {
          const key = keys[from];
          if (key === undefined) return [{}];
          const out: Record<string, JsonValue>[] = [];
          for (const value of lists[key] ?? []) {
            for (const rest of combinations(from + 1)) out.push({ [key]: value, ...rest });
          }
          return out;
        };
        const isExcluded = (item: Record<string, JsonValue>): boolean => {
          for (const pattern of exclude) {
            let all = true;
            for (const [key, value] of Object.entries(pattern)) if (item[key] !== value) all = false;
            if (all) return true;
          }
          return false;
        };
        const expected = [...combinations(0).filter((item) => !isExcluded(item)), ...include];
        const document = { version: 1, name: "m", tasks: {} } as const;
        const found = itemsOf({ matrix: { ...lists, exclude, include } }, {}, { scope: scopeAt(document, "list") });
        expect(found).toEqual({ kind: "items", items: expected });
      },
    ),
    { numRuns: 300 },
  );
});

interface Shape {
  readonly count: number;
  readonly maxParallel: number;
  readonly minSuccess: MinSuccess;
  readonly failFast: boolean;
  readonly attempts: number;
  readonly eachIndex: boolean;
  readonly chained: boolean;
  /** The chain needs a task of its own too, so it opens late. */
  readonly late: boolean;
  readonly join: "all_success" | "all_done" | "none_failed" | "one_success";
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  count: fc.nat(9),
  maxParallel: fc.integer({ min: 1, max: 4 }),
  minSuccess: minSuccesses,
  failFast: fc.boolean(),
  attempts: fc.integer({ min: 1, max: 2 }),
  eachIndex: fc.boolean(),
  chained: fc.boolean(),
  late: fc.boolean(),
  join: fc.constantFrom("all_success", "all_done", "none_failed", "one_success"),
});

function workflowOf(shape: Shape): Record<string, CanonicalTask> {
  const { maxParallel, failFast } = shape;
  const more = {
    maxParallel,
    failFast,
    ...(shape.minSuccess === undefined ? {} : { minSuccess: shape.minSuccess }),
    retry: { attempts: shape.attempts, delayMs: 0 },
  };
  return {
    a: script({
      forEach: Array.from({ length: shape.count }, (_, index) => index),
      ...more,
      ...(shape.eachIndex ? { if: { $expr: "item % 3 != 0" } } : {}),
    }),
    ...(shape.chained
      ? {
          b: script({ forEach: { chain: "a" }, needs: shape.late ? ["a", "c"] : ["a"], join: shape.join, ...more }),
          c: script(),
        }
      : {}),
    last: script({ needs: [shape.chained ? "b" : "a"], join: "all_done" }),
  };
}

const held = new Set(["queued", "dispatched", "running", "cancelling"]);

/** One thing that can happen, chosen by numbers; nothing where it cannot happen now. */
function happen(run: EngineFixture, key: string, index: number, what: number): void {
  const name = `${key}.${index}`;
  const state = run.indexStates(key)[index];
  if (what === 11) return void run.cancel();
  if (what === 10) return void run.send({ kind: "cancel_task", position: run.position(key), actor: "a", reason: "r" });
  if (state === undefined || state === "-" || isTaskRunEnded(state as never)) return;
  const task = run.task(name);
  if (state === "retrying") {
    if (task.reason?.code === "retry_backoff") run.retry(name);
  } else if (task.live === undefined) return;
  else if (what < 4) run.finish(name);
  else if (what < 7) run.fail(name);
  else if (what === 7) run.lose(name);
  else if (what === 8) run.lose(name, "given_back");
  else run.send({ kind: "cancel_task", position: run.position(name), actor: "a", reason: "r" });
}

test("never more than maxParallel are at work, every index ends, and the group comes to what the rule says", () => {
  fc.assert(
    fc.property(shapes, fc.array(fc.tuple(fc.nat(1), fc.nat(9), fc.nat(11)), { maxLength: 60 }), (shape, steps) => {
      const run = new EngineFixture({ tasks: workflowOf(shape) });
      const keys = shape.chained ? ["a", "b"] : ["a"];
      const check = (): void => {
        for (const key of keys) {
          const busy = run.indexStates(key).filter((state) => held.has(state));
          expect(busy.length).toBeLessThanOrEqual(shape.maxParallel);
          expect(run.task(key).map?.busy ?? 0).toBe(busy.length);
        }
      };
      const byHand = new Set<string>();
      check();
      for (const [which, index, what] of steps) {
        if (what === 4 && index === 0 && shape.chained && run.task("c").live !== undefined) run.finish("c");
        const key = keys[which % keys.length] ?? "a";
        if (isSettled(run.run)) break;
        const before = run.states[key];
        happen(run, key, index, what);
        if ((what === 10 && before !== run.states[key]) || what === 11) byHand.add(what === 11 ? "run" : key);
        check();
      }
      for (let round = 0; round < 200 && !isSettled(run.run); round++) {
        for (const key of keys) for (let index = 0; index < shape.count; index++) happen(run, key, index, 0);
        for (const key of shape.chained ? ["c", "last"] : ["last"]) {
          if (run.task(key).live !== undefined) run.finish(key);
        }
        check();
      }
      expect(isSettled(run.run)).toBe(true);
      for (const key of keys) {
        const task = run.task(key);
        const states = run.indexStates(key);
        if (task.map === undefined) continue;
        expect(states.filter((state) => state !== "-" && !isTaskRunEnded(state as never))).toEqual([]);
        expect(states.includes("-") && !task.map.stopped).toBe(false);
        const isByHand = task.state === "cancelled" && (byHand.has(key) || byHand.has("run"));
        expect(task.state).toBe(isByHand ? "cancelled" : outcomeByTheBook(states, shape.minSuccess));
      }
    }),
    { numRuns: 300 },
  );
});
