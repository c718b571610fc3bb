// I12: as many tries as the policy pays for, by cause, and no fewer where it would have paid. What ran is told by the ledger.
import type { PlanTask } from "../../control-plane/src/engine/plan.ts";
import type { Checks } from "./checks.ts";
import type { Ledger } from "./ledger.ts";
import type { StoredAttempt, StoredRun, StoredTask } from "./rows.ts";
import type { World } from "./world.ts";

/** Tries that nobody pays for, of each kind (docs/language.md, "Retries"). */
const freeMax = 5;

export interface TriesParts {
  readonly world: World;
  readonly ledger: Ledger;
  readonly checks: Checks;
}

export function checkTries(
  { world, ledger, checks }: TriesParts,
  run: StoredRun,
  planTask: PlanTask,
  task: StoredTask,
  attempts: readonly StoredAttempt[],
): void {
  const where = `${run.id} ${planTask.key}`;
  const { retry } = planTask;
  // A person gave it more.
  if (checks.markedTasks.has(`${run.id} ${task.o}`)) return;
  const paid = attempts.filter((one) => one.failure?.class === "error" || one.failure?.class === "timeout");
  if (paid.length > retry.attempts)
    world.violate("I12", `${where} was tried ${paid.length} times of ${retry.attempts}`);
  const lost = attempts.filter((one) => one.failure?.class === "lost" || one.failure?.class === "runner_lost");
  // Of those that ran the control plane knows, or has to suppose, that they did.
  const ran = lost.filter((one) => ledger.of(one.id) !== undefined);
  const lostMax = planTask.onLost === "fail" ? 0 : retry.lost;
  if (ran.length > lostMax + 1) world.violate("I12", `${where} ran and was lost ${ran.length} times of ${lostMax}`);
  const unstarted = lost.length - ran.length;
  if (unstarted > freeMax + lostMax + 1) world.violate("I12", `${where} was lost unstarted ${unstarted} times`);
  const setup = attempts.filter((one) => one.failure?.class === "setup");
  if (setup.length > freeMax + 1) world.violate("I12", `${where} was set up ${setup.length} times`);
  if (run.cancel !== undefined || task.s === "cancelled") return;
  const last = task.f;
  const ended = last?.class;
  if (task.s === "failed" && ended === "error" && last !== undefined) {
    const excluded = last.exitCode !== undefined && retry.except.includes(`exit:${last.exitCode}`);
    if (!excluded && paid.length < retry.attempts) {
      world.violate("I12", `${where} failed after ${paid.length} of ${retry.attempts} tries`);
    }
  }
  if (task.s === "failed" && (ended === "lost" || ended === "runner_lost") && planTask.onLost === "retry") {
    if (lost.length <= retry.lost)
      world.violate("I12", `${where} failed after it was lost ${lost.length} times of ${retry.lost}`);
  }
}
