// `npm run sim`: many seeds, or one with its trace; planted bugs; shrinking. A failing seed prints what replays it.
import { readFileSync, writeFileSync } from "node:fs";
import { plant } from "./plant.ts";
import { runMutants } from "./run-mutants.ts";
import { settingsOf, type Overrides } from "./settings.ts";
import { shrink } from "./shrink.ts";

const usage = `npm run sim -- --seeds A..B [--counts]                many seeds
npm run sim -- --seed N [--trace] [--with '{"runs":1}']   one seed, with settings of its own
npm run sim -- --replay FILE [--trace]                    a kept regression
npm run sim -- --seeds A..B --shrink FILE                 keep the first failure, made small
npm run sim -- … --mutant M01                             the same with a planted bug
npm run sim -- --mutants [M01,M02] [--evidence FILE]      every planted bug until it is killed
npm run sim -- --engine                                   decisions of the engine alone per second of CPU
`;
const failuresMax = 10;
/** One seed in so many is run twice, and its two traces are compared. */
const twiceEvery = 100;

const words = process.argv.slice(2);
const valueOf = (name: string): string | undefined => {
  const at = words.indexOf(name);
  const value = at < 0 ? undefined : words[at + 1];
  return value?.startsWith("--") === true ? undefined : value;
};
const write = (text: string): void => void process.stdout.write(`${text}\n`);

interface Job {
  readonly from: number;
  readonly to: number;
  readonly overrides: Overrides;
}

function readJob(): Job {
  const replay = valueOf("--replay");
  if (replay !== undefined) {
    // Written by the shrinker, kept in the repository.
    const { seed, overrides } = JSON.parse(readFileSync(replay, "utf8")) as { seed: number; overrides: Overrides };
    return { from: seed, to: seed, overrides };
  }
  const overrides = JSON.parse(valueOf("--with") ?? "{}") as Overrides; // by hand, for one's own eyes
  const seed = valueOf("--seed");
  if (seed !== undefined) return { from: Number(seed), to: Number(seed), overrides };
  const [from, to] = (valueOf("--seeds") ?? "").split("..").map(Number);
  if (from === undefined || to === undefined || !Number.isInteger(from) || !Number.isInteger(to)) {
    process.stderr.write(usage);
    process.exit(2);
  }
  return { from, to, overrides };
}

async function runSeeds({ from, to, overrides }: Job): Promise<number> {
  const mutant = valueOf("--mutant");
  const isPlanted = mutant === undefined ? () => true : plant(mutant);
  // Imported late, so that a bug can be planted before.
  const { simulate } = await import("./simulate.ts");
  if (!isPlanted()) throw new Error(`the file of ${mutant} is not part of the simulation`);
  const keep = valueOf("--shrink");
  const print = words.includes("--trace") ? write : undefined;
  const most = mutant === undefined && keep === undefined ? failuresMax : 1;
  const counts = new Map<string, number>();
  let [seeds, failed, events, executions] = [0, 0, 0, 0];
  const before = process.cpuUsage();
  for (let seed = from; seed <= to && failed < most; seed++) {
    const result = await simulate(seed, print === undefined ? { overrides } : { overrides, print });
    seeds++;
    events += result.events;
    executions += result.executions;
    for (const [what, count] of result.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    let problem = result.violation?.message;
    if (problem === undefined && seed % twiceEvery === 0) {
      const again = await simulate(seed, { overrides });
      if (again.traceHash !== result.traceHash) problem = "the same seed gave another trace";
    }
    if (problem === undefined) continue;
    failed++;
    write(`seed ${seed} at ${((result.violation?.atMs ?? 0) / 1000).toFixed(1)} s: ${problem}`);
    write(`  npm run sim -- --seed ${seed} --trace${mutant === undefined ? "" : ` --mutant ${mutant}`}`);
    if (keep === undefined) continue;
    const small = await shrink(simulate, seed, overrides);
    writeFileSync(keep, `${JSON.stringify({ ...(mutant === undefined ? {} : { mutant }), ...small }, undefined, 2)}\n`);
    write(`kept in ${keep}: ${small.invariant} with ${JSON.stringify(small.overrides)}`);
  }
  const used = process.cpuUsage(before);
  const seconds = (used.user + used.system) / 1e6;
  if (words.includes("--counts")) {
    const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [what, count] of sorted) write(`${String(count).padStart(9)} ${what}`);
  }
  if (print !== undefined) write(JSON.stringify({ ...settingsOf(from), ...overrides }));
  write(
    `${seeds} seeds, ${failed} failed, ${events} events, ${executions} executions, ` +
      `${seconds.toFixed(1)} s of CPU, ${(seeds / seconds).toFixed(0)} seeds/s`,
  );
  return failed > 0 ? 1 : 0;
}

async function runEngine(): Promise<number> {
  const { measureEngine } = await import("./engine-speed.ts");
  const { decisions, perSecond } = measureEngine(5);
  write(`${decisions} decisions, ${perSecond} a second of CPU`);
  return 0;
}

if (words.includes("--engine")) process.exitCode = await runEngine();
else
  process.exitCode = words.includes("--mutants")
    ? await runMutants(valueOf("--mutants"), valueOf("--evidence"), write)
    : await runSeeds(readJob());
// Promises of killed processes of the simulation are left; nothing waits for them.
process.exit();
