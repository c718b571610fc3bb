import { AppError, idFromUuid, type Cancelled } from "@capstan/proto";
import { pino } from "pino";
import { expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { operationLoop } from "./operation-loop.ts";
import type { ClaimedRun, OperationStore, RunOutcome } from "./operation.store.ts";

const ids = [1, 2, 3].map((n) => `00000000-0000-7000-8000-00000000000${n}`);
const [away = "", ended = "", fine = ""] = ids;

test("a run of which the database could not be asked stays open; one that refuses for good says why", async () => {
  const settled: RunOutcome[] = [];
  let open = ids.map((runId): ClaimedRun => ({
    projectId: "p",
    project: "default",
    operationId: "o",
    runId,
    action: "cancel",
    options: {},
    actor: "user:ana",
    caller: "ana",
  }));
  const store: Pick<OperationStore, "claim" | "settle"> = {
    claim: () => Promise.resolve(open.splice(0)),
    settle: (outcomes) => {
      settled.push(...outcomes);
      return Promise.resolve();
    },
  };
  const cancel = (_project: unknown, run: string): Promise<Cancelled> => {
    if (run === idFromUuid("run", away)) return Promise.reject(new Error("Connection terminated unexpectedly"));
    if (run === idFromUuid("run", ended)) return Promise.reject(new AppError("state_conflict", "it has ended"));
    return Promise.resolve({ run, state: "cancelling", already: false });
  };
  const never = (): Promise<never> => Promise.reject(new Error("not asked"));
  const loop = operationLoop({
    store: store as OperationStore, // the loop calls nothing else
    runs: { cancel },
    again: { retry: never, rerun: never },
    isUnavailable: (error) => error instanceof Error && error.message.startsWith("Connection terminated"),
    log: pino({ level: "silent" }),
  });
  loop.start();
  await until("the operation was worked off", 5_000, () => Promise.resolve(settled.length > 0 || undefined));
  await loop.stop();
  open = [];
  expect(settled.map(({ run, outcome, code }) => [run.runId, outcome, code])).toEqual([
    [ended, "refused", "state_conflict"],
    [fine, "done", undefined],
  ]);
});
