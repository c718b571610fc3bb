import fc from "fast-check";
import type { JsonObject } from "@capstan/proto";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";

// Runs of one workflow with equal keys, and the rows that `commit-batch.sql` and `cache-take.sql` would write. An answer
// may be on its way while anything else happens, and may come twice; words that a key is free may be lost.
interface Rows {
  result: JsonObject | undefined;
  holder: number | undefined;
}
type Step = readonly [
  what: "ask" | "answer" | "free" | "finish" | "fail" | "lose" | "cancel" | "pause" | "resume",
  run: number,
];

class World {
  readonly runs: EngineFixture[];
  readonly rows: Rows = { result: undefined, holder: undefined };
  readonly onTheWay: { readonly run: number; readonly body: JsonObject }[] = [];
  readonly told = new Set<number>();
  readonly #seen: number[];

  constructor(count: number) {
    const task = script({
      cache: {},
      outputs: { n: { type: "integer" } },
      retry: { attempts: 2, delayMs: 0, lost: 3 },
    });
    this.runs = Array.from({ length: count }, () => new EngineFixture({ tasks: { a: task } }));
    this.#seen = this.runs.map(() => 0);
  }

  at(run: number): EngineFixture {
    const found = this.runs[run];
    if (found === undefined) throw new Error(`there is no run ${run}`);
    return found;
  }

  isOver = (run: number): boolean => this.at(run).task("a").endedMs !== undefined;

  ask(run: number): void {
    if (!this.at(run).timers.has("0:cache")) return;
    const { rows } = this;
    if (rows.result === undefined && (rows.holder === undefined || this.isOver(rows.holder))) rows.holder = run;
    const body: JsonObject =
      rows.result !== undefined
        ? { outputs: rows.result, run: "test-1", runId: "r" }
        : rows.holder === run
          ? {}
          : { holder: { run: "test-1", task: "a" } };
    this.onTheWay.push({ run, body });
  }

  /** What the commit of a change writes. */
  commit(run: number): void {
    const { cacheEnds } = this.at(run);
    for (const { kept } of cacheEnds.slice(this.#seen[run])) {
      if (kept !== undefined) this.rows.result = kept.outputs;
      if (this.rows.holder !== run) continue;
      this.rows.holder = undefined;
      for (const [other, one] of this.runs.entries()) if (one.timers.has("0:cache")) this.told.add(other);
    }
    this.#seen[run] = cacheEnds.length;
  }

  step([what, run]: Step): void {
    const fixture = this.at(run);
    const isAtWork = fixture.task("a").live !== undefined;
    if (what === "ask") this.ask(run);
    else if (what === "answer") {
      const answer = this.onTheWay.shift();
      if (answer === undefined) return;
      this.at(answer.run).deliver("a", "cache", answer.body);
      return this.commit(answer.run);
    } else if (what === "free" && this.told.delete(run)) fixture.deliver("a", "cache_free");
    else if (what === "finish" && isAtWork) fixture.finish("a", { outputs: { n: run } });
    else if (what === "fail" && isAtWork) fixture.fail("a");
    else if (what === "lose" && isAtWork) fixture.lose("a");
    else if (what === "cancel") fixture.cancel();
    else if (what === "pause") fixture.send({ kind: "pause_run", actor: "ana", reason: "" });
    else if (what === "resume") fixture.send({ kind: "resume_run", actor: "ana" });
    if (fixture.timers.has("0:retry")) fixture.retry("a");
    this.commit(run);
  }
}

const steps = fc.array(
  fc.tuple(
    fc.constantFrom("ask", "answer", "free", "finish", "fail", "lose", "cancel", "pause", "resume") as fc.Arbitrary<
      Step[0]
    >,
    fc.nat(3),
  ),
  { maxLength: 60 },
);

test("at most one run works on a key, and whatever happens every run ends", () => {
  fc.assert(
    fc.property(steps, (given) => {
      const world = new World(4);
      const step = (one: Step): void => {
        world.step(one);
        const atWork = world.runs.filter((run) => run.task("a").live !== undefined);
        if (atWork.length > 1) throw new Error(`${atWork.length} work on one key after ${one.join(" ")}`);
      };
      given.forEach(step);
      // All has healed: runs go on, timers fire, agents answer. Words that were lost stay lost.
      world.told.clear();
      const healing = ["resume", "ask", "answer", "answer", "finish"] as const;
      for (let round = 0; round < 8; round++)
        for (const run of world.runs.keys()) for (const what of healing) step([what, run]);
      while (world.onTheWay.length > 0) step(["answer", 0]);
      expect(world.runs.map(({ run }) => run.endedMs === undefined)).not.toContain(true);
    }),
    { numRuns: 150 },
  );
});
