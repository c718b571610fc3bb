// Makes a failing seed small: fewer runs, agents, replicas, faults and tasks, and a nearer horizon, as long as the same
// invariant breaks.
import { settingsOf, type Overrides } from "./settings.ts";
import type { simulate as simulateType } from "./simulate.ts";

export interface Regression {
  readonly invariant: string;
  readonly message: string;
  readonly seed: number;
  readonly overrides: Overrides;
}

const triesMax = 150;

export async function shrink(simulate: typeof simulateType, seed: number, start: Overrides): Promise<Regression> {
  const first = await simulate(seed, { overrides: start });
  const wanted = first.violation?.invariant;
  if (wanted === undefined) throw new Error(`seed ${seed} breaks no invariant`);
  let best = start;
  let message = first.violation?.message ?? "";
  let tries = 0;
  const breaks = async (overrides: Overrides): Promise<boolean> => {
    if (++tries > triesMax) return false;
    const { violation } = await simulate(seed, { overrides });
    if (violation?.invariant !== wanted) return false;
    best = overrides;
    message = violation.message;
    return true;
  };
  for (let changed = true; changed && tries < triesMax;) {
    changed = false;
    for (const key of [
      "horizonMs",
      "faults",
      "runs",
      "agents",
      "replicas",
      "workflows",
      "tasksMax",
      "slots",
    ] as const) {
      for (;;) {
        const now = settingsOf(seed, best)[key];
        const least = key === "faults" ? 0 : key === "horizonMs" ? 2000 : 1;
        const half = Math.max(least, Math.floor(now / 2));
        if (half < now && (await breaks({ ...best, [key]: half }))) changed = true;
        else if (
          key !== "horizonMs" &&
          now - 1 >= least &&
          half < now - 1 &&
          (await breaks({ ...best, [key]: now - 1 }))
        ) {
          changed = true;
        } else break;
      }
    }
  }
  return { invariant: wanted, message, seed, overrides: best };
}
