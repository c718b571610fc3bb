// Log bytes stored and acknowledged: eight tasks write 16 MiB each, in lines of 100 bytes; counted is from the first
// start to the moment when the control plane has every byte of every task and its digest agrees.
import { project } from "../client.ts";
import type { Scenario } from "./scenario.ts";

const producers = 8;
const bytesEach = 16 * 1024 * 1024;
const line = "0123456789abcdefghijklmnopqrstuvwxyz ".repeat(3).slice(0, 99);

interface LogStreams {
  /** `complete`: every byte is stored, and the digest is the one of the agent's result. */
  readonly streams: readonly { readonly state: string; readonly bytes: number }[];
}

export const logs: Scenario = {
  name: "logs",
  agents: [{ name: "logs", slots: producers, noop: false }],
  workflows: {
    "bench_logs.yaml": `version: 1\nname: bench_logs\ntasks:\n${Array.from(
      { length: producers },
      (_, i) => `  p${i}: { run: { shell: sh, script: 'yes "${line}" | head -c ${bytesEach}' } }\n`,
    ).join("")}`,
  },
  rows: [
    {
      name: `logs, ${producers} producers`,
      figure: "mbPerSecond",
      unit: "MB/s",
      better: "more",
      floor: 15,
      goal: 30,
      work: async (stack) => {
        const from = performance.now();
        const run = await stack.client.run("bench_logs");
        let complete: LogStreams["streams"] = [];
        while (complete.length < producers && performance.now() - from < 60_000) {
          const logs = await stack.client.request<LogStreams>("GET", `${project}/runs/${run.id}/logs?limit=1`);
          complete = logs.streams.filter((stream) => stream.state === "complete" && stream.bytes >= bytesEach);
          if (complete.length < producers) await new Promise((resolve) => setTimeout(resolve, 20));
        }
        const seconds = (performance.now() - from) / 1000;
        const megabytes = (producers * bytesEach) / 1e6;
        return {
          figures: { mbPerSecond: complete.length === producers ? megabytes / seconds : 0 },
          tasks: producers,
          ledger: { started: producers, ended: complete.length },
        };
      },
    },
  ],
};
