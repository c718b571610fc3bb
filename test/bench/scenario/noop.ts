// Durable no-op tasks: single-task runs in a closed loop, full history. Requests start and await a sixteenth of them each, so
// the generator's HTTP does not decide the figure; at 1 outstanding each request carries one run.
import type { Stack } from "../stack.ts";
import type { Outcome } from "../measure.ts";
import type { Options, Row, Scenario } from "./scenario.ts";

async function closedLoop(stack: Stack, options: Options, outstanding: number): Promise<Outcome> {
  const each = Math.max(1, Math.min(64, Math.floor(outstanding / 16)));
  const loops = outstanding / each;
  const until = performance.now() + options.secs * 1000;
  const from = performance.now();
  let started = 0;
  let ended = 0;
  await Promise.all(
    Array.from({ length: loops }, async () => {
      while (performance.now() < until) {
        started += each;
        const runs = await stack.client.runMany("bench_noop", each);
        const succeeded = runs.filter((run) => run.state === "succeeded").length;
        ended += succeeded;
      }
    }),
  );
  const seconds = (performance.now() - from) / 1000;
  return { figures: { tasksPerSecond: ended / seconds }, tasks: ended, ledger: { started, ended } };
}

const row = (outstanding: number, limits: Pick<Row, "floor" | "goal"> = {}): Row => ({
  name: `noop, ${outstanding} outstanding`,
  figure: "tasksPerSecond",
  unit: "tasks/s",
  better: "more",
  ...limits,
  work: (stack, options) => closedLoop(stack, options, outstanding),
});

export const noop: Scenario = {
  name: "noop",
  agents: [{ name: "noop", slots: 1000, noop: true }],
  workflows: { "bench_noop.yaml": "version: 1\nname: bench_noop\ntasks:\n  only: { run: 'true' }\n" },
  rows: [row(1), row(64), row(512, { floor: 8000, goal: 20_000 })],
};
