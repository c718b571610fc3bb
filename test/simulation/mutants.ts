// Planted bugs: exact replacements in the product and in the simulated agent. `find` must occur once, else the list is
// stale and the run says so. Each must be killed by some seed, or stands here with the reason why nothing can show it.
import type { Mutant } from "./mutant.ts";
import { agentMutants } from "./mutants-agent.ts";
import { automationMutants } from "./mutants-automation.ts";
import { commitMutants } from "./mutants-commit.ts";
import { dispatchMutants } from "./mutants-dispatch.ts";
import { engineMutants } from "./mutants-engine.ts";

export const mutants: readonly Mutant[] = [
  ...commitMutants,
  ...engineMutants,
  ...dispatchMutants,
  ...agentMutants,
  ...automationMutants,
];
