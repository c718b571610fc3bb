// Many seeds, or one: with a planted bug or without, with a trace, keeping the first failure as small as it gets.
import { writeFileSync } from "node:fs";
import type { SeedsResult } from "./evidence.ts";
import { plant } from "./plant.ts";
import { settingsOf, type Overrides } from "./settings.ts";
import { shrink } from "./shrink.ts";
import { has, valueOf, write } from "./words.ts";

const failuresMax = 10;
/** One seed in so many is run twice, and its two traces are compared. */
const twiceEvery = 100;

export interface Job {
  readonly from: number;
  readonly to: number;
  readonly overrides: Overrides;
  readonly mutant: string | undefined;
}

export async function runSeeds({ from, to, overrides, mutant }: Job): Promise<SeedsResult> {
  const isPlanted = mutant === undefined ? () => true : plant(mutant);
  // Imported late, so that a bug can be planted before.
  const { simulate } = await import("./simulate.ts");
  if (!isPlanted()) throw new Error(`the file of ${mutant} is not part of the simulation`);
  const keep = valueOf("--shrink");
  const print = has("--trace") ? write : undefined;
  const most = mutant === undefined && keep === undefined ? failuresMax : 1;
  const counts = new Map<string, number>();
  const violations: { seed: number; message: string }[] = [];
  let [done, events, executions] = [0, 0, 0];
  const before = process.cpuUsage();
  for (let seed = from; seed <= to && violations.length < most; seed++) {
    if (has("--progress")) process.stderr.write(`begins ${seed}\n`);
    const result = await simulate(seed, print === undefined ? { overrides } : { overrides, print });
    done++;
    events += result.events;
    executions += result.executions;
    for (const [what, count] of result.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    let problem = result.violation?.message;
    if (problem === undefined && seed % twiceEvery === 0) {
      const again = await simulate(seed, { overrides });
      if (again.traceHash !== result.traceHash) problem = "W1: the same seed gave another trace";
    }
    if (problem === undefined) continue;
    violations.push({ seed, message: problem });
    write(`seed ${seed} at ${((result.violation?.atMs ?? 0) / 1000).toFixed(1)} s: ${problem}`);
    write(`  npm run sim -- --seed ${seed} --trace${mutant === undefined ? "" : ` --mutant ${mutant}`}`);
    if (keep === undefined) continue;
    const small = await shrink(simulate, seed, overrides);
    writeFileSync(keep, `${JSON.stringify({ ...(mutant === undefined ? {} : { mutant }), ...small }, undefined, 2)}\n`);
    write(`kept in ${keep}: ${small.invariant} with ${JSON.stringify(small.overrides)}`);
  }
  const used = process.cpuUsage(before);
  const cpuSeconds = (used.user + used.system) / 1e6;
  if (has("--counts")) {
    const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [what, count] of sorted) write(`${String(count).padStart(9)} ${what}`);
  }
  if (print !== undefined) write(JSON.stringify({ ...settingsOf(from), ...overrides }));
  write(
    `${done} seeds, ${violations.length} failed, ${events} events, ${executions} executions, ` +
      `${cpuSeconds.toFixed(1)} s of CPU, ${(done / cpuSeconds).toFixed(0)} seeds/s`,
  );
  return { from, to, done, violations, events, executions, cpuSeconds };
}
