// Every planted bug, each in a process of its own, until a seed kills it. What nobody kills is an invariant that is missing
// or a world that is too tame; what stands in the list as equivalent must survive.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { mutants } from "./mutants.ts";
import { planted } from "./plant.ts";

/** The budget of one mutant, as testing.md has it. */
const seedsMax = 5000;
/** Seeds for those that nothing can show. */
const seedsOfEquivalents = 300;
const main = fileURLToPath(new URL("main.ts", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

interface Outcome {
  readonly id: string;
  readonly what: string;
  readonly killedAtSeed: number | undefined;
  readonly by: string;
}

/** @returns the exit code */
export async function runMutants(
  only: string | undefined,
  evidence: string | undefined,
  write: (text: string) => void,
): Promise<number> {
  const wanted = only?.split(",");
  const chosen = mutants.filter((mutant) => wanted === undefined || wanted.includes(mutant.id));
  // A stale list is found before anything is run.
  for (const mutant of chosen) planted(mutant, readFileSync(root + mutant.file, "utf8"));
  const outcomes: Outcome[] = [];
  let failed = 0;
  for (const mutant of chosen) {
    const most = mutant.equivalent === undefined ? seedsMax : seedsOfEquivalents;
    const words = ["--conditions=capstan-source", main, "--mutant", mutant.id, "--seeds", `1..${most}`];
    const done = spawnSync(process.execPath, words, { encoding: "utf8" });
    const found = /^seed (\d+) at .*? s: (\S+?):/m.exec(done.stdout);
    const seed = found?.[1] === undefined ? undefined : Number(found[1]);
    const by =
      found?.[2] ?? (done.status === 0 ? "" : `the process ended with ${done.status}: ${done.stderr.slice(-300)}`);
    outcomes.push({ id: mutant.id, what: mutant.what, killedAtSeed: seed, by });
    const survives = mutant.equivalent !== undefined;
    const ok = survives ? seed === undefined && done.status === 0 : seed !== undefined;
    if (!ok) failed++;
    const told =
      seed === undefined ? (survives ? "equivalent" : `ALIVE after ${most} ${by}`) : `killed at ${seed} by ${by}`;
    write(`${ok ? "✓" : "✗"} ${mutant.id} ${told.padEnd(24)} ${mutant.what}`);
  }
  const killed = outcomes.filter((one) => one.killedAtSeed !== undefined).length;
  write(
    `${chosen.length} planted bugs: ${killed} killed, ${outcomes.length - killed} not, ${failed} otherwise than listed`,
  );
  if (evidence !== undefined) {
    mkdirSync(dirname(evidence), { recursive: true });
    const record = { schema: "capstan.evidence/1", campaign: "mutants", seedsMax, outcomes, killed, failed };
    writeFileSync(evidence, `${JSON.stringify(record, undefined, 2)}\n`);
  }
  return failed > 0 ? 1 : 0;
}
