import {
  failureText,
  formatDuration,
  type RunSummary,
  type Steered,
  type TaskRunView,
  type WorkflowPaused,
} from "@capstan/proto";
import type { Output } from "./output.ts";
import { stateSymbol } from "./state.ts";
import type { Column } from "./table.ts";

const took = (run: RunSummary, now: number): string =>
  formatDuration(Math.max(0, (run.endedAt === null ? now : Date.parse(run.endedAt)) - Date.parse(run.createdAt)));

/** Columns of a list of runs. The table shows symbols, other formats the state's own word. */
export const runColumns = (out: Output, now = Date.now()): readonly Column<RunSummary>[] => [
  { title: "RUN", key: "name", value: (run) => run.name },
  {
    title: "STATE",
    key: "state",
    value: (run) => (out.format === "tsv" ? run.state : `${stateSymbol(run.state, out.isAscii)} ${run.state}`),
  },
  {
    title: "CREATED",
    key: "createdAt",
    value: (run) => (out.format === "tsv" ? run.createdAt : run.createdAt.replace("T", " ").slice(0, 19)),
  },
  { title: "TOOK", key: "duration", value: (run) => took(run, now), align: "right" },
  { title: "BY", key: "trigger", value: (run) => run.trigger.actor ?? run.trigger.kind },
  { title: "ID", key: "id", value: (run) => run.id, isWide: true },
  { title: "WHY", key: "failure", value: (run) => (run.failure === null ? "" : failureText(run.failure)) },
];

/** Columns of a list of task runs. */
export const taskColumns = (out: Output, now = Date.now()): readonly Column<TaskRunView>[] => [
  { title: "TASK", key: "task", value: (task) => task.task },
  {
    title: "STATE",
    key: "state",
    value: (task) => (out.format === "tsv" ? task.state : `${stateSymbol(task.state, out.isAscii)} ${task.state}`),
  },
  { title: "ATTEMPTS", key: "attempts", value: (task) => String(task.attempts), align: "right" },
  {
    title: "TOOK",
    key: "duration",
    value: ({ startedAt, endedAt }) =>
      startedAt === null
        ? ""
        : formatDuration(Math.max(0, (endedAt === null ? now : Date.parse(endedAt)) - Date.parse(startedAt))),
    align: "right",
  },
  { title: "AGENT", key: "agent", value: (task) => task.agent?.name ?? "" },
  {
    title: "WHY",
    key: "failure",
    value: (task) => (task.failure === null ? (task.reason?.code ?? "") : failureText(task.failure)),
  },
];

/** What was done to a run or a task, and whether it was so before. */
export const steeredColumns: readonly Column<Steered>[] = [
  { title: "RUN", key: "run", value: (one) => one.run },
  { title: "STATE", key: "state", value: (one) => one.state },
  { title: "BEFORE", key: "already", value: (one) => (one.already ? "already" : "") },
];

/** The same of workflows. */
export const pausedColumns: readonly Column<WorkflowPaused>[] = [
  { title: "WORKFLOW", key: "workflow", value: (one) => one.workflow },
  { title: "STATE", key: "state", value: (one) => one.state },
  { title: "BEFORE", key: "already", value: (one) => (one.already ? "already" : "") },
  { title: "WAITING", key: "waiting", value: (one) => String(one.waiting), align: "right" },
];
