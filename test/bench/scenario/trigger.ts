// HTTP trigger → the process's first act, open loop: requests leave at their due times, and latency counts from there.
// The process writes the wall clock to a file that the product does not know; both ends are on this machine's clock.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { percentile } from "../statistics.ts";
import type { Stack } from "../stack.ts";
import type { Outcome } from "../measure.ts";
import type { Options, Row, Scenario } from "./scenario.ts";

const stampFile = join(tmpdir(), `capstan-bench-stamps-${process.pid}`);
const stampProgram = join(tmpdir(), `capstan-bench-stamp-${process.pid}`);

const source = `
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  char line[128];
  int length = snprintf(line, sizeof line, "%s %lld\\n", argv[1], now.tv_sec * 1000000000LL + now.tv_nsec);
  int file = open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0600);
  return argc == 3 && write(file, line, length) == length ? 0 : 1;
}
`;

/** A static binary where there is a compiler; otherwise `date`, which costs a fork more and makes the figure worse. */
function stampCommand(): string {
  const built = spawnSync("cc", ["-O2", "-static", "-x", "c", "-o", stampProgram, "-"], { input: source });
  if (built.status === 0) return `exec "${stampProgram}" "$ID" "${stampFile}"`;
  return `echo "$ID $(date +%s%N)" >> "${stampFile}"`;
}

async function openLoop(stack: Stack, options: Options, perSecond: number): Promise<Outcome> {
  writeFileSync(stampFile, "");
  const count = Math.max(20, Math.round(perSecond * options.secs));
  const due = new Map<string, number>();
  const wallOffsetMs = Date.now() - performance.now();
  const from = performance.now();
  let ended = 0;
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const dueAt = from + (i * 1000) / perSecond;
      await new Promise((resolve) => setTimeout(resolve, dueAt - performance.now()));
      const id = `r${i}`;
      due.set(id, dueAt + wallOffsetMs);
      const run = await stack.client.run("bench_trigger", { id });
      if (run.state === "succeeded") ended += 1;
    }),
  );
  const latencies: number[] = [];
  for (const line of readFileSync(stampFile, "utf8").trim().split("\n")) {
    const [id = "", ns = ""] = line.split(" ");
    const dueMs = due.get(id);
    if (dueMs !== undefined) latencies.push(Number(ns) / 1e6 - dueMs);
  }
  rmSync(stampFile, { force: true });
  return {
    figures: {
      p50Ms: percentile(latencies, 0.5),
      p95Ms: percentile(latencies, 0.95),
      p99Ms: percentile(latencies, 0.99),
    },
    tasks: count,
    ledger: { started: count, ended: Math.min(ended, latencies.length) },
  };
}

function rows(perSecond: number, limits: Pick<Row, "floor" | "goal">): Row[] {
  const work: Row["work"] = (stack, options) => openLoop(stack, options, perSecond);
  return (["p50Ms", "p95Ms", "p99Ms"] as const).map((figure) => ({
    name: `trigger → main(), ${perSecond}/s, ${figure.replace("Ms", "")}`,
    figure,
    unit: "ms",
    better: "less",
    ...(figure === "p50Ms" ? limits : {}),
    work,
  }));
}

export const trigger: Scenario = {
  name: "trigger",
  agents: [{ name: "trigger", slots: 16, noop: false }],
  workflows: {
    "bench_trigger.yaml": `version: 1
name: bench_trigger
inputs: { id: string }
tasks:
  stamp:
    env: { ID: "\${{ inputs.id }}" }
    run: { shell: sh, script: ${JSON.stringify(stampCommand())} }
`,
  },
  rows: [...rows(5, {}), ...rows(50, { floor: 12, goal: 8 })],
};

process.on("exit", () => {
  if (existsSync(stampProgram)) rmSync(stampProgram);
});
