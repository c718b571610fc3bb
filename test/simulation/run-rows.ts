// load-runs.sql: a run's stored rows as a load reads them.
import type { RunRows } from "../../control-plane/src/database/store/load-run.ts";
import { runRowOf, taskRowOf } from "../../control-plane/src/testing/run-rows.ts";
import type { StoredRun, StoredTask } from "./rows.ts";
import type { SimTables } from "./sim-tables.ts";

export function rowsOf(run: StoredRun, database: Pick<SimTables, "live">): RunRows {
  return {
    project: "default",
    run: runRowOf(run),
    tasks: run.tasks.flatMap((task) => (task === undefined ? [] : [taskRowOf(fieldsOf(task), keptOf(task))])),
    live: run.tasks.flatMap((task) => {
      const live = task?.at === undefined ? undefined : database.live.get(task.at);
      if (live === undefined) return [];
      return [
        {
          id: live.id,
          position: live.position,
          epoch: live.epoch,
          agent: live.agentId,
          session: live.session,
          seq: live.seq,
          number: live.number,
          state: live.state,
          offered: live.offeredMs,
          started: live.startedMs ?? null,
        },
      ];
    }),
  };
}

const fieldsOf = (task: StoredTask): Parameters<typeof taskRowOf>[0] => ({
  position: task.o,
  id: task.id,
  state: task.s,
  epoch: task.e,
  attempts: task.a,
  agentId: task.ag,
  createdMs: task.createdMs,
  queuedMs: task.q,
  startedMs: task.st,
  endedMs: task.en,
  dueMs: task.du,
  outputs: task.ou,
  failure: task.f,
  reason: task.re,
});

const keptOf = ({ c, it }: StoredTask): Parameters<typeof taskRowOf>[1] => ({ counters: c ?? null, items: it ?? null });
