// Forty inline tasks in a warm Node interpreter, each needing the one before; such a task alone, from its request to the end
// of its run; and how long a task takes from ready to done, by the times of its row. First in processes that have just
// started, whose code is not compiled yet, then in those that have carried a thousand tasks, as a service's have.
import { project } from "../client.ts";
import type { Stack } from "../stack.ts";
import { percentile } from "../statistics.ts";
import type { Row, Scenario } from "./scenario.ts";

const length = 40;
const action = "node: { inline: 'export default () => undefined', warm: true }";
const tasks = Array.from({ length }, (_, i) => `  t${i}: { ${action}${i === 0 ? "" : `, needs: [t${i - 1}]`} }\n`).join(
  "",
);
const singles = 40;
/** Chains before the hot rows: 1,200 tasks. */
const warmUpChains = 30;

const chain: Row["work"] = async (stack) => {
  const from = performance.now();
  const run = await stack.client.run("bench_warm_chain");
  const totalMs = performance.now() - from;
  const times = await readyToDoneMs(stack, run.name);
  const ended = run.state === "succeeded" ? length : 0;
  return {
    figures: { totalMs, readyToDoneMs: percentile(times, 0.5) },
    tasks: length,
    ledger: { started: length, ended },
  };
};

/** Of each task of a run, milliseconds. */
async function readyToDoneMs(stack: Stack, run: string): Promise<number[]> {
  const { data } = await stack.client.request<{
    data: readonly { readonly queuedAt: string; readonly endedAt: string }[];
  }>("GET", `${project}/runs/${run}/tasks?limit=200`);
  return data.map(({ queuedAt, endedAt }) => Date.parse(endedAt) - Date.parse(queuedAt));
}

const hotChain: Row["work"] = (stack, options) => chain(stack, options);
const warmUp = async (stack: Stack): Promise<void> => {
  for (let n = 0; n < warmUpChains; n++) await stack.client.run("bench_warm_chain");
};
const chainOf = { figure: "totalMs", unit: "ms", better: "less", floor: 600, goal: 150 } as const;

export const warm: Scenario = {
  name: "warm",
  agents: [{ name: "warm", slots: 4, noop: false }],
  workflows: {
    "bench_warm_chain.yaml": `version: 1\nname: bench_warm_chain\ntasks:\n${tasks}`,
    "bench_warm_one.yaml": `version: 1\nname: bench_warm_one\ntasks:\n  only: { ${action} }\n`,
  },
  rows: [
    { name: "chain of 40 warm tasks, just started", ...chainOf, work: chain },
    {
      name: "chain of 40 warm tasks, after 1,200",
      ...chainOf,
      warmUp,
      work: hotChain,
    },
    {
      name: "a task of it, ready to done, p50",
      figure: "readyToDoneMs",
      unit: "ms",
      better: "less",
      goal: 3,
      work: hotChain,
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
        return {
          figures: { p50Ms: percentile(times, 0.5) },
          tasks: singles,
          ledger: { started: singles, ended },
        };
      },
    },
  ],
};
