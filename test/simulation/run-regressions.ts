// Worlds that once broke an invariant, made small and kept with the planted bug that brings it back (`regressions/`).
//  R1. Without the bug each of them holds all invariants.
//  R2. With it one is broken, else the harness has forgotten the bug: the world has changed meanwhile, and another one is
//      looked for and kept in its place.
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { simulateApart } from "./apart.ts";
import type { Overrides } from "./settings.ts";
import { simulate } from "./simulate.ts";

const folder = fileURLToPath(new URL("regressions", import.meta.url));

export interface Kept {
  readonly mutant?: string;
  readonly invariant: string;
  readonly seed: number;
  readonly overrides: Overrides;
}

/** Files of kept worlds. */
export const keptFiles = (): readonly string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .toSorted()
    .map((name) => join(folder, name));

// Written by the shrinker, kept in the repository.
export const readKept = (file: string): Kept => JSON.parse(readFileSync(file, "utf8")) as Kept;

/** @returns how many did not come to what they should */
export async function runRegressions(write: (text: string) => void, proves: boolean): Promise<number> {
  let wrong = 0;
  const tell = (file: string, problem: string | undefined): void => {
    if (problem !== undefined) wrong++;
    write(
      `${problem === undefined ? "✓" : "✗"} ${basename(file, ".json")}${problem === undefined ? "" : `: ${problem}`}`,
    );
  };
  const files = keptFiles();
  for (const file of files) {
    const { seed, overrides, mutant } = readKept(file);
    const { violation } = await simulate(seed, { overrides });
    if (violation !== undefined) tell(file, violation.message);
    else if (!proves || mutant === undefined) tell(file, undefined);
    else {
      const found = await simulateApart(["--replay", file, "--mutant", mutant]);
      const again = `npm run sim -- --seeds 1..5000 --mutant ${mutant} --shrink ${file}`;
      tell(file, found === undefined ? `shows ${mutant} no more; find another world: ${again}` : undefined);
    }
  }
  write(`${files.length} kept worlds, ${wrong} wrong`);
  return wrong;
}
