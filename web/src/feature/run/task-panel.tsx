"use client";
import type { RunView, TaskRunView } from "@capstan/proto";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../api/client.ts";
import { attemptEnded, stateLooks, taskRunEnded } from "../../lib/states.ts";
import { Span } from "../../ui/clock.tsx";
import { StateMark } from "../../ui/state-mark.tsx";
import { ApprovalPanel } from "./approval-panel.tsx";
import { IndexList } from "./index-list.tsx";
import { LogView } from "./log-view.tsx";
import { ProblemNotice } from "./problem-notice.tsx";
import { taskTitle } from "./task-list.tsx";

/** One task run: its state, its attempts, why it waits, and the log of the attempt that is chosen. */
export function TaskPanel({
  project,
  run,
  task,
  onSelect,
  onChanged,
}: {
  readonly project: string;
  readonly run: RunView;
  readonly task: TaskRunView;
  readonly onSelect: (task: string) => void;
  readonly onChanged: () => void;
}) {
  const params = { project, run: run.name, task: task.task };
  const [chosen, setChosen] = useState<number>();
  const attempts = useQuery({
    queryKey: ["attempts", project, run.name, task.task, task.attempts, task.state],
    queryFn: ({ signal }) => api("attemptList", { params, signal }),
    enabled: task.attempts > 0,
    placeholderData: (before) => before,
  });
  const idle = task.mapped === null && !taskRunEnded[task.state] && task.state !== "running";
  const explained = useQuery({
    queryKey: ["explain", project, run.name, task.task, task.state],
    queryFn: ({ signal }) => api("taskExplain", { params, signal }),
    enabled: idle || task.state === "skipped",
    refetchInterval: idle ? 5000 : false,
  });
  const all = attempts.data?.data ?? [];
  const attempt = all.find((each) => each.number === chosen) ?? all.at(-1);
  const outputs = Object.entries(task.outputs ?? {});
  return (
    <section aria-label={`Task ${task.task}`} className="flex min-w-0 flex-col gap-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <h2 className="text-[0.9375rem] font-semibold break-all">{taskTitle(task)}</h2>
        <StateMark state={task.state} />
        <span className="text-ink-soft">{task.action}</span>
        <span>
          <Span from={task.startedAt} to={task.endedAt} />
        </span>
        {attempt === undefined ? null : <span className="text-ink-soft">on {attempt.agent.name}</span>}
        {task.reused === null ? null : <span className="text-ink-soft">re-used from {task.reused.name}</span>}
        {task.cached === null ? null : <span className="text-ink-soft">≡ cached from {task.cached.name}</span>}
        {task.marked === null ? null : (
          <span className="text-ink-soft">
            marked by {task.marked.actor}: {task.marked.reason}
          </span>
        )}
        {all.length > 1 ? (
          <label className="ml-auto inline-flex items-center gap-2 text-ink-soft">
            Attempt
            <select
              value={attempt?.number ?? ""}
              onChange={(event) => setChosen(Number(event.target.value))}
              className="h-8 rounded-md border border-line-strong bg-raised px-2 text-ink"
            >
              {all.map((each) => (
                <option key={each.id} value={each.number}>
                  {each.number} of {all.length}, {stateLooks[each.state].word}
                </option>
              ))}
            </select>
          </label>
        ) : null}
      </div>
      {explained.data === undefined || !(idle || task.state === "skipped") ? null : (
        <div role="status" className="rounded-md border border-line bg-raised px-3 py-2">
          <p>
            {explained.data.detail} <span className="font-mono text-xs text-ink-soft">{explained.data.code}</span>
          </p>
          {explained.data.do === null ? null : <p className="text-ink-soft">{explained.data.do}</p>}
        </div>
      )}
      {task.state === "suspended" && task.action === "approval" ? (
        <ApprovalPanel project={project} run={run.name} task={task.task} onAnswered={onChanged} />
      ) : null}
      {attempt?.failure == null || attempt.failure.message === run.failure?.message ? null : (
        <p className="rounded-md border border-bad/50 bg-bad-soft px-3 py-2 break-words whitespace-pre-wrap">
          {attempt.failure.message} <span className="font-mono text-xs text-ink-soft">{attempt.failure.code}</span>
        </p>
      )}
      {outputs.length === 0 ? null : (
        <details>
          <summary className="min-h-6 cursor-pointer text-ink-soft hover:text-ink">Outputs ({outputs.length})</summary>
          <dl className="mt-2 grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 font-mono text-xs">
            {outputs.map(([name, value]) => (
              <div key={name} className="contents">
                <dt className="text-ink-soft">{name}</dt>
                <dd className="break-all">{JSON.stringify(value)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      {task.item === undefined ? null : (
        <p className="font-mono text-xs break-all text-ink-soft">item {JSON.stringify(task.item)}</p>
      )}
      {task.mapped === null ? null : <IndexList project={project} run={run} task={task} onSelect={onSelect} />}
      {attempts.isError ? <ProblemNotice error={attempts.error} onRetry={() => void attempts.refetch()} /> : null}
      {attempt === undefined ? (
        task.attempts === 0 && task.mapped === null ? (
          <p className="rounded-lg border border-dashed border-line-strong/60 px-4 py-8 text-center text-ink-soft">
            No log: the task has not started.
          </p>
        ) : null
      ) : (
        <LogView
          key={attempt.id}
          project={project}
          run={run.name}
          task={task.task}
          attempt={attempt.number}
          open={!attemptEnded[attempt.state] || attempt.log?.state === "open"}
        />
      )}
    </section>
  );
}
