// History items as live frames: small patches of what clients hold.
import { idFromUuid, runName, type LiveFrame, type LiveFrameType } from "@capstan/proto";
import type { HistoryItem } from "../engine/event.ts";
import type { LoggedEvents } from "./event-log.ts";

export interface TypedFrame {
  readonly type: LiveFrameType;
  readonly frame: LiveFrame;
}

const startedTypes = new Set(["run.started", "task.running", "attempt.started"]);
const endedRun = new Set(["run.succeeded", "run.failed", "run.cancelled", "run.timed_out"]);
const endedTask = new Set(["task.succeeded", "task.failed", "task.timed_out", "task.cancelled", "task.skipped"]);
const endedAttempt = new Set(["attempt.finished", "attempt.lost", "attempt.rejected"]);
const told = new Set(["task.progress", "task.metric", "task.note", "task.asset", "task.link"]);

export function framesOf(events: LoggedEvents): TypedFrame[] {
  return events.items.map((item) => frameOf(events, item));
}

function frameOf(events: LoggedEvents, item: HistoryItem): TypedFrame {
  const run = idFromUuid("run", events.runId);
  const base = { run, workflow: events.workflow, at: events.at };
  const task = item.task;
  const name = runName(events.workflow, events.number);
  if (told.has(item.type)) {
    const detail = item.detail === undefined ? null : structuredClone(item.detail);
    return {
      type: "event",
      frame: {
        ...base,
        subject: `${run}/${task ?? ""}`,
        patch: { type: item.type, detail: detail as LiveFrame["patch"][string] },
      },
    };
  }
  const kind = item.type.slice(0, item.type.indexOf("."));
  const state = item.to ?? item.type.slice(kind.length + 1);
  const agent = item.agent === undefined ? {} : { agentId: idFromUuid("ag", item.agent) };
  const reason = item.reason === undefined ? {} : { reasonText: item.reason };
  const started = startedTypes.has(item.type) ? { startedAt: events.at } : {};
  if (kind === "attempt") {
    const ended = endedAttempt.has(item.type) ? { endedAt: events.at } : {};
    const subject = item.attempt === undefined ? `${run}/${task ?? ""}` : idFromUuid("att", item.attempt);
    return {
      type: "attempt",
      frame: { ...base, subject, patch: { task: task ?? "", state, ...started, ...ended, ...agent, ...reason } },
    };
  }
  if (kind === "task") {
    const ended = endedTask.has(item.type) ? { endedAt: events.at } : {};
    const waits = item.type === "task.queued" ? { queuedAt: events.at } : {};
    return {
      type: "task",
      frame: {
        ...base,
        subject: `${run}/${task ?? ""}`,
        patch: { task: task ?? "", state, ...waits, ...started, ...ended, ...agent, ...reason },
      },
    };
  }
  const ended = endedRun.has(item.type) ? { endedAt: events.at } : {};
  const created = item.type === "run.queued" ? { createdAt: events.at } : {};
  return {
    type: "run",
    frame: {
      ...base,
      subject: run,
      patch: {
        name,
        workflow: events.workflow,
        number: events.number,
        state,
        ...created,
        ...started,
        ...ended,
        ...reason,
      },
    },
  };
}
