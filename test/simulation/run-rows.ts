// load-runs.sql: a run's stored rows as a load reads them.
import type { RunRows } from "../../control-plane/src/database/store/load-run.ts";
import type { StoredRun } from "./rows.ts";
import type { SimTables } from "./sim-tables.ts";

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | undefined): string | null => (ms === undefined ? null : iso(ms));

export function rowsOf(run: StoredRun, database: Pick<SimTables, "live">): RunRows {
  return {
    project: "default",
    run: {
      project_id: run.projectId,
      id: run.id,
      workflow_id: run.workflowId,
      number: run.number,
      digest: run.plan.digest,
      state: run.state,
      version: run.version,
      event_seq: run.eventSeq,
      priority: run.priority,
      inputs: run.inputs,
      labels: run.labels,
      trigger: run.trigger,
      created_at: iso(run.createdMs),
      started_at: isoOrNull(run.startedMs),
      ended_at: isoOrNull(run.endedMs),
      deadline_at: isoOrNull(run.deadlineMs),
      cancel: run.cancel ?? null,
      pause: run.pause ?? null,
      late: run.late ?? null,
      origin: run.origin ?? null,
      outputs: run.outputs ?? null,
      failure: run.failure ?? null,
    },
    tasks: run.tasks.flatMap((task) =>
      task === undefined
        ? []
        : [
            {
              position: task.o,
              id: task.id,
              state: task.s,
              epoch: task.e,
              attempts: task.a,
              counters: task.c ?? null,
              agent_id: task.ag ?? null,
              created_at: iso(task.createdMs),
              queued_at: isoOrNull(task.q),
              started_at: isoOrNull(task.st),
              ended_at: isoOrNull(task.en),
              due_at: isoOrNull(task.du),
              outputs: task.ou ?? null,
              failure: task.f ?? null,
              reason: task.re ?? null,
              items: task.it ?? null,
            },
          ],
    ),
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
