// `npm run sim`: many seeds, or one with its trace; planted bugs; shrinking. A failing seed prints what replays it.
import { readFileSync } from "node:fs";
import { writeEvidence, type MutantResult, type SeedsResult } from "./evidence.ts";
import { runProperties, type PropertiesResult } from "./run-properties.ts";
import { runMutants } from "./run-mutants.ts";
import { runSeeds, type Job } from "./run-seeds.ts";
import type { Overrides } from "./settings.ts";
import { has, numberOf, seedsOf, valueOf, write } from "./words.ts";

const usage = `npm run sim -- --seeds N|A..B [--counts]                  many seeds
npm run sim -- --seed N [--trace] [--with '{"runs":1}']   one seed, with settings of its own
npm run sim -- --replay FILE [--trace]                    a kept regression
npm run sim -- --seeds A..B --shrink FILE                 keep the first failure, made small
npm run sim -- … --mutant M01                             the same with a planted bug
npm run sim -- --mutants [M01,M02]                        every planted bug until it is killed
               [--sample N --salt TEXT] [--mutant-seeds N] [--seconds N] [--jobs N]
npm run sim -- --properties                                the property tests of what is simulated
npm run sim -- … --evidence FILE                          seeds, planted bugs and property tests, as JSON
npm run sim -- --regressions [--proof]                    every kept world; with the bug that each was kept for
npm run sim -- --engine                                   decisions of the engine alone per second of CPU
`;

function readJob(): Job | undefined {
  const mutant = valueOf("--mutant");
  const replay = valueOf("--replay");
  if (replay !== undefined) {
    // Written by the shrinker, kept in the repository.
    const { seed, overrides } = JSON.parse(readFileSync(replay, "utf8")) as { seed: number; overrides: Overrides };
    return { from: seed, to: seed, overrides, mutant };
  }
  const overrides = JSON.parse(valueOf("--with") ?? "{}") as Overrides; // by hand, for one's own eyes
  const seed = valueOf("--seed");
  const seeds = seedsOf(seed === undefined ? (valueOf("--seeds") ?? "") : `${seed}..${seed}`);
  return seeds === undefined ? undefined : { ...seeds, overrides, mutant };
}

async function runAll(): Promise<number> {
  const job = readJob();
  if (job === undefined && !has("--mutants") && !has("--properties")) {
    process.stderr.write(usage);
    return 2;
  }
  const seeds: SeedsResult | undefined = job === undefined ? undefined : await runSeeds(job);
  const mutants: readonly MutantResult[] | undefined = has("--mutants")
    ? await runMutants(
        {
          only: valueOf("--mutants"),
          sample: has("--sample") ? numberOf("--sample", 10) : undefined,
          salt: valueOf("--salt") ?? "",
          seedsMax: has("--mutant-seeds") ? numberOf("--mutant-seeds", 0) : undefined,
          secondsMax: has("--seconds") ? numberOf("--seconds", 0) : undefined,
          jobs: numberOf("--jobs", 1),
        },
        write,
      )
    : undefined;
  const properties: PropertiesResult | undefined = has("--properties") ? runProperties(write) : undefined;
  const evidence = valueOf("--evidence");
  if (evidence !== undefined) {
    writeEvidence(evidence, {
      ...(seeds === undefined ? {} : { seeds }),
      ...(mutants === undefined ? {} : { mutants }),
      ...(properties === undefined ? {} : { properties }),
    });
  }
  const bad = mutants?.some((one) => one.outcome === "alive" || one.outcome === "stale") === true;
  return bad || (properties?.failed ?? 0) > 0 || (seeds?.violations.length ?? 0) > 0 ? 1 : 0;
}

async function runEngine(): Promise<number> {
  const { measureEngine } = await import("./engine-speed.ts");
  const { decisions, perSecond } = measureEngine(5);
  write(`${decisions} decisions, ${perSecond} a second of CPU`);
  return 0;
}

async function runKept(): Promise<number> {
  const { runRegressions } = await import("./run-regressions.ts");
  return (await runRegressions(write, has("--proof"))) > 0 ? 1 : 0;
}

process.exitCode = has("--engine") ? await runEngine() : has("--regressions") ? await runKept() : await runAll();
// Promises of killed processes of the simulation are left; nothing waits for them.
process.exit();
