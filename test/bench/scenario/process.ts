// Process tasks at saturation: runs of one task that starts `/bin/true` by way of a shell, 64 outstanding.
import type { Scenario } from "./scenario.ts";

export const processTasks: Scenario = {
  name: "process",
  agents: [{ name: "process", slots: 16, noop: false }],
  workflows: {
    "bench_process.yaml": "version: 1\nname: bench_process\ntasks:\n  only: { run: { script: 'exit 0', shell: sh } }\n",
  },
  rows: [
    {
      name: "process tasks, 64 outstanding",
      figure: "tasksPerSecond",
      unit: "tasks/s",
      better: "more",
      floor: 250,
      goal: 500,
      work: async (stack, options) => {
        const until = performance.now() + options.secs * 1000;
        const from = performance.now();
        let started = 0;
        let ended = 0;
        await Promise.all(
          Array.from({ length: 4 }, async () => {
            while (performance.now() < until) {
              started += 16;
              const runs = await stack.client.runMany("bench_process", 16);
              ended += runs.filter((run) => run.state === "succeeded").length;
            }
          }),
        );
        const seconds = (performance.now() - from) / 1000;
        return { figures: { tasksPerSecond: ended / seconds }, tasks: ended, ledger: { started, ended } };
      },
    },
  ],
};
