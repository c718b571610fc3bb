// What a task run takes of limits: those of the project that it names, and its own concurrency.
import {
  defaultConcurrencyLimit,
  evaluateText,
  scopeFor,
  sha256Hex,
  type ExpressionContext,
  type Failure,
} from "@capstan/proto";
import { indexContext } from "./context.ts";
import type { Draft } from "./draft.ts";
import { namedLimitKey, type LimitDemand } from "./limit.ts";
import type { PlanTask } from "./plan.ts";
import type { Run } from "./snapshot.ts";
import { valuesOf } from "./vars.ts";

/** What demands follow from: frozen when the run was made, so they are the same whenever they are asked. */
type DemandingRun = Pick<Run, "workflowId" | "plan" | "inputs" | "trigger">;

/** `item` and `index` of an index of a mapped task. */
type IndexContext = Pick<ExpressionContext, "item" | "index">;

/**
 * In the order of their keys. An evaluated key is hashed: it may be long, and nothing needs to read it back.
 * @throws where the key cannot be evaluated; consider() has asked before the task run was queued
 */
export function demandsOf(run: DemandingRun, planTask: PlanTask, index: IndexContext = {}): readonly LimitDemand[] {
  const { limits, concurrency } = planTask.task;
  if (limits === undefined && concurrency === undefined) return [];
  const demands = (limits ?? []).map(({ name, weight }): LimitDemand => ({
    key: namedLimitKey(name),
    weight: weight ?? 1,
  }));
  if (concurrency !== undefined) {
    const text = evaluateText(
      concurrency.key,
      { ...valuesOf(run), ...index },
      { scope: scopeFor(run.plan.document, planTask.key, "runsOn") },
    );
    const hash = sha256Hex(String(text)).slice(0, 32);
    demands.push({
      key: `task:${run.workflowId}:${planTask.key}:${hash}`,
      weight: 1,
      capacity: concurrency.limit ?? defaultConcurrencyLimit,
    });
  }
  return demands.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/** What keeps a task run's demands from being known: a key that cannot be evaluated. */
export function demandProblem(draft: Draft, position: number): Failure | undefined {
  const planTask = draft.planTask(position);
  if (!planTask.isLimited) return undefined;
  try {
    demandsOf(
      draft.run,
      planTask,
      indexContext(draft.run, position, (at) => draft.task(at)),
    );
    return undefined;
  } catch (error) {
    const message = `concurrency.key: ${error instanceof Error ? error.message : String(error)}`;
    return { class: "expression", code: "expression_failed", message };
  }
}
