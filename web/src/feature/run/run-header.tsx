"use client";
import type { RunView, TaskRunView } from "@capstan/proto";
import Link from "next/link";
import type { ReactNode } from "react";
import { canCancelRun, canRetryRun, pauseActionOf } from "../../lib/allowed-actions.ts";
import { formatCount } from "../../lib/format.ts";
import { runPath, runsPath } from "../../lib/paths.ts";
import { runEnded, taskRunStateOrder } from "../../lib/states.ts";
import { countTasks } from "../../live/reducer.ts";
import { Ago, Span } from "../../ui/clock.tsx";
import { Command } from "../../ui/command.tsx";
import { StateMark } from "../../ui/state-mark.tsx";
import { CancelRun } from "./cancel-run.tsx";
import { PauseRun } from "./pause-run.tsx";
import { RetryRun } from "./retry-run.tsx";

export function RunHeader({
  project,
  run,
  tasks,
  permissions,
  onChanged,
}: {
  readonly project: string;
  readonly run: RunView;
  readonly tasks: readonly TaskRunView[] | undefined;
  readonly permissions: readonly string[] | undefined;
  readonly onChanged: () => void;
}) {
  const counts = tasks === undefined ? run.taskCounts : countTasks(tasks);
  const inputs = Object.entries(run.inputs);
  const pauseAction = pauseActionOf(run.state, permissions);
  return (
    <div className="mb-4 flex flex-col gap-3">
      <nav aria-label="Breadcrumb" className="text-xs text-ink-soft">
        <Link href={runsPath(project)} className="inline-flex min-h-6 items-center underline-offset-2 hover:underline">
          ← Runs
        </Link>
      </nav>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <h1 className="text-xl font-semibold tracking-tight break-all">{run.name}</h1>
        <span role="status">
          <StateMark state={run.state} className="text-sm" />
        </span>
        <div className="ml-auto inline-flex flex-wrap items-center gap-2">
          {canRetryRun(run.state, permissions) ? <RetryRun project={project} run={run} /> : null}
          {pauseAction === undefined ? null : (
            <PauseRun project={project} run={run} action={pauseAction} onChanged={onChanged} />
          )}
          <CancelRun
            project={project}
            run={run}
            allowed={canCancelRun(run.state, permissions, project)}
            onCancelled={onChanged}
          />
        </div>
      </div>
      <dl className="flex flex-wrap gap-x-6 gap-y-1.5">
        <Fact name="Workflow">
          {run.workflow} <span className="text-ink-soft">version {run.version}</span>
        </Fact>
        {run.overrides === null ? null : (
          <Fact name="Changed for this run">
            <span className="font-mono text-xs break-all">{Object.keys(run.overrides.set).join(", ")}</span>
          </Fact>
        )}
        {run.origin === null ? null : (
          <Fact name={run.origin.kind === "retry" ? "Retry of" : "Inputs of"}>
            <Link href={runPath(project, run.origin.name)} className="underline-offset-2 hover:underline">
              {run.origin.name}
            </Link>
          </Fact>
        )}
        {run.pause === null ? null : (
          <Fact name="Paused">
            <Ago at={run.pause.at} /> by {run.pause.actor}
            {run.pause.reason === "" ? "" : `: ${run.pause.reason}`}
          </Fact>
        )}
        <Fact name="Created">
          <Ago at={run.createdAt} />
        </Fact>
        <Fact name={runEnded[run.state] ? "Took" : "Runs for"}>
          <Span from={run.startedAt} to={run.endedAt} />
        </Fact>
        <Fact name="Started by">{run.trigger.actor ?? run.trigger.kind}</Fact>
        <Fact name="Tasks">
          <span className="inline-flex flex-wrap gap-x-3">
            {taskRunStateOrder.map((state) => {
              const count = counts[state] ?? 0;
              return count === 0 ? null : (
                <span key={state} className="inline-flex gap-1">
                  {formatCount(count)} <StateMark state={state} />
                </span>
              );
            })}
          </span>
        </Fact>
      </dl>
      <div className="flex flex-wrap gap-x-6 gap-y-1 text-ink-soft">
        {inputs.length === 0 ? null : (
          <details>
            <summary className="min-h-6 cursor-pointer hover:text-ink">Inputs ({inputs.length})</summary>
            <dl className="mt-2 grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 font-mono text-xs text-ink">
              {inputs.map(([name, value]) => (
                <div key={name} className="contents">
                  <dt className="text-ink-soft">{name}</dt>
                  <dd className="break-all">{JSON.stringify(value)}</dd>
                </div>
              ))}
            </dl>
          </details>
        )}
        <details>
          <summary className="min-h-6 cursor-pointer hover:text-ink">From a terminal</summary>
          <div className="mt-2 flex flex-wrap gap-2 text-ink">
            <Command text={`capstan runs show ${run.name}`} />
            <Command text={`capstan logs ${run.name}${runEnded[run.state] ? "" : " -f"}`} />
            <Command text={`capstan explain ${run.name}`} />
            {pauseAction === undefined ? null : <Command text={`capstan ${pauseAction} ${run.name}`} />}
            {runEnded[run.state] ? <Command text={`capstan retry ${run.name}`} /> : null}
            {runEnded[run.state] ? null : <Command text={`capstan cancel ${run.name}`} />}
          </div>
        </details>
      </div>
    </div>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className="flex gap-1.5">
      <dt className="text-ink-soft">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </div>
  );
}
