// Random worlds, each from one seed. They run in a process of their own: the simulation wants the event loop for itself.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

function simulate(...words: readonly string[]): { status: number | null; output: string } {
  const done = spawnSync(process.execPath, ["--conditions=capstan-source", main, ...words], { encoding: "utf8" });
  return { status: done.status, output: done.stdout + done.stderr };
}

test("worlds that once broke an invariant hold it now", () => {
  const { status, output } = simulate("--regressions");
  expect(output).toMatch(/^[1-9]\d* kept worlds, 0 wrong/m);
  expect(status).toBe(0);
});

test("in 1,000 random worlds with faults no invariant is broken, and the same seed gives the same trace", () => {
  const { status, output } = simulate("--seeds", "1000");
  expect(output).toMatch(/^1000 seeds, 0 failed/m);
  expect(status).toBe(0);
});
