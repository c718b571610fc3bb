// Forty inline tasks in a warm Node interpreter, each needing the one before; and one such task alone, from its request to
// the end of its run. The first repetition starts the interpreter.
import type { Scenario } from "./scenario.ts";

const length = 40;
const action = "node: { inline: 'export default () => undefined', warm: true }";
const tasks = Array.from({ length }, (_, i) => `  t${i}: { ${action}${i === 0 ? "" : `, needs: [t${i - 1}]`} }\n`).join(
  "",
);
const singles = 40;

export const warm: Scenario = {
  name: "warm",
  agents: [{ name: "warm", slots: 4, noop: false }],
  workflows: {
    "bench_warm_chain.yaml": `version: 1\nname: bench_warm_chain\ntasks:\n${tasks}`,
    "bench_warm_one.yaml": `version: 1\nname: bench_warm_one\ntasks:\n  only: { ${action} }\n`,
  },
  rows: [
    {
      name: "chain of 40 warm tasks",
      figure: "totalMs",
      unit: "ms",
      better: "less",
      floor: 600,
      goal: 150,
      work: async (stack) => {
        const from = performance.now();
        const run = await stack.client.run("bench_warm_chain");
        const totalMs = performance.now() - from;
        const ended = run.state === "succeeded" ? length : 0;
        return { figures: { totalMs }, tasks: length, ledger: { started: length, ended } };
      },
    },
    {
      name: "one warm task, request to end of run",
      figure: "p50Ms",
      unit: "ms",
      better: "less",
      work: async (stack) => {
        const times: number[] = [];
        let ended = 0;
        for (let n = 0; n < singles; n++) {
          const from = performance.now();
          const run = await stack.client.run("bench_warm_one");
          times.push(performance.now() - from);
          if (run.state === "succeeded") ended += 1;
        }
        times.sort((a, b) => a - b);
        const p50Ms = times[singles / 2] ?? 0;
        return { figures: { p50Ms }, tasks: singles, ledger: { started: singles, ended } };
      },
    },
  ],
};
