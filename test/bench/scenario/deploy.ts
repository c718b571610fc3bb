// A graph of 1,000 tasks, the largest that is allowed: its deploy as one request, and the whole command of a person who has
// changed one line of it. Each repetition deploys another edition.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Stack } from "../stack.ts";
import type { Scenario } from "./scenario.ts";

const count = 1000;
const cli = fileURLToPath(new URL("../../../cli/dist/main.js", import.meta.url));

/** Each task needs the one before and two from the middle. */
function taskText(at: number): string {
  const needs = [...new Set([at - 1, Math.floor(at / 2), Math.floor(at / 3)])].filter((one) => one >= 0 && one < at);
  const after = needs.length === 0 ? "" : `    needs: [${needs.map((one) => `t${one}`).join(", ")}]\n`;
  return `  t${at}:\n    run: echo "$DAY" step ${at}\n    env: { DAY: "\${{ inputs.day }}" }\n    timeout: 5m\n${after}`;
}
const tasks = Array.from({ length: count }, (_, at) => taskText(at)).join("");
const graph = (edition: number): string =>
  `version: 1\nname: bench_graph\ndescription: edition ${edition}\ninputs: { day: { type: string, default: today } }\ntasks:\n${tasks}`;

let editions = 0;

function command(stack: Stack, file: string): Promise<boolean> {
  const flags = ["--server", stack.client.url, "--token-file", join(stack.folder, "keys", "local")];
  const child = spawn(process.execPath, [cli, "deploy", file, ...flags], { stdio: "ignore" });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code === 0));
  });
}

export const deploy: Scenario = {
  name: "deploy",
  agents: [],
  workflows: {},
  rows: [
    {
      name: "deploy of a graph of 1,000 tasks",
      figure: "totalMs",
      unit: "ms",
      better: "less",
      floor: 1000,
      goal: 300,
      work: async (stack) => {
        const source = graph(++editions);
        const from = performance.now();
        await stack.client.deploy([{ file: "bench_graph.yaml", source }]);
        return { figures: { totalMs: performance.now() - from }, tasks: 1, ledger: { started: 1, ended: 1 } };
      },
    },
    {
      name: "the same by the command line",
      figure: "totalMs",
      unit: "ms",
      better: "less",
      floor: 3000,
      work: async (stack) => {
        const file = join(stack.folder, "bench_graph.yaml");
        writeFileSync(file, graph(++editions));
        const from = performance.now();
        const isDone = await command(stack, file);
        return {
          figures: { totalMs: performance.now() - from },
          tasks: 1,
          ledger: { started: 1, ended: isDone ? 1 : 0 },
        };
      },
    },
  ],
};
