// Forty process tasks, each needing the one before: how long a run of small steps takes from its request to its end.
import type { Scenario } from "./scenario.ts";

const length = 40;
const tasks = Array.from({ length }, (_, i) => {
  const needs = i === 0 ? "" : `, needs: [t${i - 1}]`;
  return `  t${i}: { run: { script: 'exit 0', shell: sh }${needs} }\n`;
}).join("");

export const chain: Scenario = {
  name: "chain-40",
  agents: [{ name: "chain", slots: 4, noop: false }],
  workflows: { "bench_chain.yaml": `version: 1\nname: bench_chain\ntasks:\n${tasks}` },
  rows: [
    {
      name: "chain of 40 process tasks",
      figure: "totalMs",
      unit: "ms",
      better: "less",
      floor: 400,
      goal: 200,
      work: async (stack) => {
        const from = performance.now();
        const run = await stack.client.run("bench_chain");
        const totalMs = performance.now() - from;
        const ended = run.state === "succeeded" ? length : 0;
        return { figures: { totalMs }, tasks: length, ledger: { started: length, ended } };
      },
    },
  ],
};
