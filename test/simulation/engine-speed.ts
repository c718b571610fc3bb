// Decisions of the engine per second of CPU: no store, no agents, nothing but functions. A decision is one event of one
// run: a start, a report, an offer that is made.
import type { CanonicalTask } from "@capstan/proto";
import { advance, openDraft } from "../../control-plane/src/engine/advance.ts";
import type { Draft, Surroundings } from "../../control-plane/src/engine/draft.ts";
import { compilePlan } from "../../control-plane/src/engine/plan.ts";
import { startRun } from "../../control-plane/src/engine/run-machine.ts";
import type { Run } from "../../control-plane/src/engine/snapshot.ts";
import { dispatch } from "../../control-plane/src/engine/task-machine.ts";

const script = (needs: readonly string[] = []): CanonicalTask => ({ action: { run: { script: "true" } }, needs });
const plan = compilePlan("sha256:0", {
  version: 1,
  name: "diamond",
  tasks: { a: script(), b: script(["a"]), c: script(["a"]), d: script(["b", "c"]) },
});

/** One run of four tasks, reported to its end. @returns the decisions that it took */
function oneRun(around: Surroundings): number {
  let seq = 0;
  const place = (draft: Draft): Run => {
    for (const position of draft.ready) dispatch(draft, position, { agentId: "agent", session: 1, seq: ++seq });
    return draft.snapshot();
  };
  let run = place(
    startRun(
      { projectId: "p", project: "p", workflowId: "w", plan, inputs: {}, labels: {}, trigger: {}, priority: 3 },
      around,
    ),
  );
  let decisions = 1;
  while (run.endedMs === undefined) {
    const live = run.tasks.find((task) => task?.live !== undefined)?.live;
    const position = run.tasks.findIndex((task) => task?.live !== undefined);
    if (live === undefined) throw new Error("nothing runs and the run has not ended");
    const draft = openDraft(run, around);
    const outcome = advance(draft, {
      kind: "attempt_finished",
      attemptId: live.id,
      epoch: live.epoch,
      position,
      by: { agentId: "agent", session: 1 },
      result: { outcome: "succeeded" },
    });
    if (outcome.kind !== "accepted") throw new Error(`a finish was answered ${outcome.kind}`);
    run = place(draft);
    decisions++;
  }
  return decisions + seq;
}

/** Measures for about `seconds` of CPU, after as long a warm-up as a fifth of it. */
export function measureEngine(seconds: number): { readonly decisions: number; readonly perSecond: number } {
  let ids = 0;
  const around: Surroundings = {
    nowMs: 1_750_000_000_000,
    newId: () => `id ${++ids}`,
    incarnation: 1,
    publicUrl: "http://127.0.0.1:7420",
  };
  const cpu = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  const measure = (length: number): { decisions: number; took: number } => {
    const from = cpu();
    let decisions = 0;
    for (let took = 0; ; took = cpu() - from) {
      if (took >= length) return { decisions, took };
      for (let i = 0; i < 500; i++) decisions += oneRun(around);
    }
  };
  measure(seconds / 5);
  const { decisions, took } = measure(seconds);
  return { decisions, perSecond: Math.round(decisions / took) };
}
