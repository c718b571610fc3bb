// `npm run sim`: many seeds, or one with its trace. A failing seed prints the command that replays it.
import { readFileSync } from "node:fs";
import { settingsOf, type Overrides } from "./settings.ts";
import { simulate } from "./simulate.ts";

const usage = `npm run sim -- --seeds A..B [--counts]     many seeds
npm run sim -- --seed N [--trace] [--with '{"runs":1}']   one, with settings of its own
npm run sim -- --replay FILE [--trace]      a regression
`;
const failuresMax = 10;
/** One seed in so many is run twice, and its two traces are compared. */
const twiceEvery = 100;

const words = process.argv.slice(2);
const valueOf = (name: string): string | undefined => {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words[at + 1];
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

const { from, to, overrides } = readJob();
const print = words.includes("--trace") ? write : undefined;
let seeds = 0;
let failed = 0;
let events = 0;
let executions = 0;
const counts = new Map<string, number>();
const before = process.cpuUsage();
for (let seed = from; seed <= to && failed < failuresMax; seed++) {
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
  write(`  npm run sim -- --seed ${seed} --trace`);
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
process.exit(failed > 0 ? 1 : 0);
