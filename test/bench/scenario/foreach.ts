// One run with one mapped task of no-op indexes: what an index costs must not grow with their number.
import type { Stack } from "../stack.ts";
import type { Outcome } from "../measure.ts";
import type { Row, Scenario } from "./scenario.ts";

async function mappedRun(stack: Stack, count: number): Promise<Outcome> {
  const from = performance.now();
  const run = await stack.client.run("bench_foreach", { count });
  const totalMs = performance.now() - from;
  const ended = run.state === "succeeded" ? count : 0;
  return {
    figures: { totalMs, usPerTask: (totalMs * 1000) / count },
    tasks: count,
    ledger: { started: count, ended },
  };
}

const row = (count: number, limits: Pick<Row, "floor" | "goal"> = {}): Row => ({
  name: `forEach of ${count} no-op indexes`,
  figure: "totalMs",
  unit: "ms",
  better: "less",
  ...limits,
  work: (stack) => mappedRun(stack, count),
});

export const foreach: Scenario = {
  name: "foreach",
  agents: [{ name: "foreach", slots: 1000, noop: true }],
  workflows: {
    "bench_foreach.yaml":
      "version: 1\nname: bench_foreach\ninputs: { count: integer }\ntasks:\n  each: { run: 'true', forEach: '${{ range(inputs.count) }}', maxParallel: 500 }\n",
  },
  rows: [row(100), row(1000), row(10_000, { floor: 10_000, goal: 3000 })],
};
