// Every planted bug, each in a process of its own, until a seed kills it. What nobody kills is an invariant that is missing
// or a world that is too tame; what stands in the list as equivalent must survive.
//  P1. A kill counts only where the same seed passes without the bug.
//  P2. A bug whose text no longer stands in the source is a failure of the list, and the others are run.
//  P3. A process that needs too much memory, or too long for one seed, has killed its bug: it never settles.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { simulateApart } from "./apart.ts";
import { seedsThatKilled, type MutantResult } from "./evidence.ts";
import type { Mutant } from "./mutant.ts";
import { mutants } from "./mutants.ts";
import { planted } from "./plant.ts";

/** The budget of one mutant, as testing.md has it. */
const seedsMax = 5000;
/** Seeds for those that nothing can show. */
const seedsOfEquivalents = 300;
const root = fileURLToPath(new URL("../..", import.meta.url));

export interface MutantsRequest {
  /** Ids, with commas; undefined for all. */
  readonly only: string | undefined;
  /** So many of them, chosen by `salt`. */
  readonly sample: number | undefined;
  readonly salt: string;
  readonly seedsMax: number | undefined;
  /** When this time has passed no other bug is begun. */
  readonly secondsMax: number | undefined;
  readonly jobs: number;
}

export async function runMutants(
  request: MutantsRequest,
  write: (text: string) => void,
): Promise<readonly MutantResult[]> {
  const chosen = chosenOf(request);
  const hints = seedsThatKilled();
  const endsMs = performance.now() + (request.secondsMax ?? Number.POSITIVE_INFINITY) * 1000;
  const results: MutantResult[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let mutant = chosen[next++]; mutant !== undefined; mutant = chosen[next++]) {
      const { id, what } = mutant;
      const one: MutantResult =
        performance.now() > endsMs
          ? { id, what, outcome: "not_run" }
          : await runOne(mutant, hints.get(id) ?? new Set(), request.seedsMax ?? seedsMax);
      results.push(one);
      if (one.outcome !== "not_run") write(lineOf(one));
    }
  };
  await Promise.all(Array.from({ length: request.jobs }, work));
  const count = (outcome: MutantResult["outcome"]): number => results.filter((one) => one.outcome === outcome).length;
  write(
    `${results.length} planted bugs: ${count("killed")} killed, ${count("alive")} alive, ${count("equivalent")} equivalent, ` +
      `${count("stale")} stale, ${count("not_run")} not run`,
  );
  return results.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function chosenOf({ only, sample, salt }: MutantsRequest): readonly Mutant[] {
  const wanted = only?.split(",");
  const all = mutants.filter((mutant) => wanted === undefined || wanted.includes(mutant.id));
  if (sample === undefined) return all;
  // Another part of the list for each commit, so that in time all of it is run.
  let hash = 0;
  for (let i = 0; i < salt.length; i++) hash = (Math.imul(hash, 31) + salt.charCodeAt(i)) >>> 0;
  return Array.from({ length: Math.min(sample, all.length) }, (_, i) => all[(hash + i * 7) % all.length]).flatMap(
    (one) => one ?? [],
  );
}

function lineOf({ id, what, outcome, seed, by, seeds }: MutantResult): string {
  const ok = outcome === "killed" || outcome === "equivalent";
  const told =
    outcome === "killed"
      ? `killed at ${seed} by ${by}`
      : outcome === "alive"
        ? `ALIVE after ${seeds}`
        : outcome.toUpperCase();
  return `${ok ? "✓" : "✗"} ${id} ${told.padEnd(24)} ${what}${outcome === "stale" ? `: ${by}` : ""}`;
}

async function runOne(mutant: Mutant, hints: ReadonlySet<number>, most: number): Promise<MutantResult> {
  const { id, what } = mutant;
  try {
    planted(mutant, readFileSync(root + mutant.file, "utf8"));
  } catch (error) {
    return { id, what, outcome: "stale", by: error instanceof Error ? error.message : String(error) };
  }
  for (const seed of hints) {
    const found = await firstKill(id, seed, seed);
    if (found !== undefined) return { id, what, outcome: "killed", ...found };
  }
  const survives = mutant.equivalent !== undefined;
  const to = survives ? Math.min(seedsOfEquivalents, most) : most;
  const found = await firstKill(id, 1, to);
  if (found === undefined) return { id, what, outcome: survives ? "equivalent" : "alive", seeds: to };
  return { id, what, outcome: "killed", ...found };
}

/** P1: the first seed that breaks an invariant with the bug, and none without it. */
async function firstKill(
  id: string,
  from: number,
  to: number,
): Promise<{ readonly seed: number; readonly by: string } | undefined> {
  for (let at = from; at <= to;) {
    const found = await simulateApart(["--seeds", `${at}..${to}`, "--mutant", id]);
    if (found === undefined) return undefined;
    const without = await simulateApart(["--seed", String(found.seed)]);
    if (without === undefined) return found;
    at = found.seed + 1;
  }
  return undefined;
}
