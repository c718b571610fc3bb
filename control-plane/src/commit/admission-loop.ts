// Runs that wait for their concurrency group, admitted as soon as it has room. The rows say who waits: a replica that dies
// between the end of one run and the admission of the next loses nothing, another one finds it within a second.
import type { Logger } from "pino";
import type { DispatchStore } from "../dispatch/dispatch.store.ts";
import { Loop } from "../dispatch/loop.ts";
import { realScheduler, type Scheduler } from "../dispatch/scheduler.ts";
import type { Commit } from "./commit.ts";
import type { CommitSignals } from "./commit-signals.ts";

const batchMax = 200;

export function admissionLoop(
  store: DispatchStore,
  commit: Commit,
  signals: CommitSignals,
  log: Logger,
  scheduler: Scheduler = realScheduler,
): Loop {
  const loop = new Loop({
    scheduler,
    name: "admission",
    everyMs: 1000,
    log,
    round: async () => {
      const runs = await store.admissibleRuns(batchMax);
      const outcomes = await Promise.all(
        runs.map(({ projectId, runId }) => commit.submit(projectId, runId, { kind: "admit" })),
      );
      return outcomes.some((outcome) => outcome.kind === "accepted");
    },
  });
  signals.onRoom(() => loop.wake());
  return loop;
}
