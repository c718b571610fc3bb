"use client";
import type { RouteResponse, RunView, TaskRunView } from "@capstan/proto";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { usePathname, useSearchParams } from "next/navigation";
import { useEffect, useState } from "react";
import { api } from "../../api/client.ts";
import { patchRun, patchTasks } from "../../live/reducer.ts";
import { useLive } from "../../live/use-live.ts";
import { runEnded, stateLooks } from "../../lib/states.ts";
import { Clock } from "../../ui/clock.tsx";
import { FailurePanel } from "./failure-panel.tsx";
import { LivePaused } from "./live-paused.tsx";
import { ProblemNotice } from "./problem-notice.tsx";
import { RunHeader } from "./run-header.tsx";
import { TaskList } from "./task-list.tsx";
import { TaskPanel } from "./task-panel.tsx";

type TaskPage = RouteResponse<"taskList">;

/** What a visitor most likely came for: what failed, else what waits for a person, else what runs, else what ended last, else the first. */
export function firstTask(run: RunView, tasks: readonly TaskRunView[]): TaskRunView | undefined {
  return (
    tasks.find((task) => task.task === run.failure?.task) ??
    tasks.find((task) => task.state === "failed" || task.state === "timed_out") ??
    tasks.find((task) => task.state === "suspended" && task.action === "approval") ??
    tasks.find((task) => task.state === "running") ??
    tasks.findLast((task) => task.state === "succeeded" && !task.hook) ??
    tasks[0]
  );
}

/** The row of the list that a task run belongs to: its own, or that of its mapped task. */
const groupOf = (task: TaskRunView | undefined): string | undefined =>
  task === undefined || task.hook ? task?.task : task.task.replace(/\.\d+$/, "");

export function RunPage({ project, name }: { readonly project: string; readonly name: string }) {
  const client = useQueryClient();
  const [polling, setPolling] = useState(false);
  const search = useSearchParams();
  const path = usePathname();
  const params = { project, run: name };
  const runKey = ["run", project, name];
  const tasksKey = ["tasks", project, name];

  const run = useQuery({
    queryKey: runKey,
    queryFn: ({ signal }) => api("runGet", { params, signal }),
    refetchInterval: polling ? 5000 : false,
  });
  const tasks = useQuery({
    queryKey: tasksKey,
    queryFn: ({ signal }) => api("taskList", { params, signal }),
    refetchInterval: polling ? 5000 : false,
  });
  const wanted = search.get("task");
  // An index of a mapped task is not in the list of tasks, which would be ten thousand long.
  const isIndex = wanted !== null && /^[a-z][a-z0-9_]*\.\d+$/.test(wanted);
  const indexRun = useQuery({
    queryKey: ["task", project, name, wanted],
    queryFn: ({ signal }) => api("taskGet", { params: { ...params, task: wanted ?? "" }, signal }),
    enabled: isIndex,
    refetchInterval: (query) => (query.state.data?.endedAt == null ? 2000 : false),
  });
  const me = useQuery({ queryKey: ["me"], queryFn: ({ signal }) => api("me", { signal }), staleTime: 60_000 });

  const refresh = (): void => {
    void client.invalidateQueries({ queryKey: runKey });
    void client.invalidateQueries({ queryKey: tasksKey });
  };
  const view = run.data;
  const rows = tasks.data?.data;
  const allEnded = view !== undefined && runEnded[view.state] && rows?.every((task) => task.endedAt !== null) === true;
  const live = useLive(
    project,
    view === undefined || allEnded ? undefined : `run:${name}`,
    (batch) => {
      if (batch.run.length > 0) {
        client.setQueryData<RunView>(runKey, (held) => (held === undefined ? held : patchRun(held, batch.run)));
        // The end of a run settles fields that no frame carries.
        if (batch.run.some((frame) => frame.patch["endedAt"] !== undefined && frame.patch["endedAt"] !== null))
          refresh();
      }
      if (batch.task.length > 0)
        client.setQueryData<TaskPage>(tasksKey, (held) =>
          held === undefined ? held : { ...held, data: [...patchTasks(held.data, batch.task)] },
        );
    },
    refresh,
  );
  const paused = live === "paused" && !allEnded;
  useEffect(() => setPolling(paused), [paused]);

  useEffect(() => {
    if (view !== undefined) document.title = `${stateLooks[view.state].symbol} ${view.name} · Capstan`;
  }, [view]);

  if (run.isPending) return <RunPageSkeleton />;
  if (view === undefined) {
    return (
      <>
        <h1 className="mb-4 text-xl font-semibold tracking-tight break-all">{name}</h1>
        <ProblemNotice error={run.error} onRetry={() => void run.refetch()} />
      </>
    );
  }

  const listed = rows?.find((task) => task.task === wanted);
  const selected =
    rows === undefined ? undefined : (listed ?? (isIndex ? indexRun.data : undefined) ?? firstTask(view, rows));
  const select = (task: string): void => {
    const next = new URLSearchParams(search.toString());
    next.set("task", task);
    next.delete("attempt");
    window.history.replaceState(null, "", `${path}?${next.toString()}`);
  };
  const permissions = me.data?.projects.find((each) => each.name === project)?.permissions;

  return (
    <Clock ticking={!allEnded}>
      {paused ? <LivePaused /> : null}
      {run.isError ? (
        <div className="mb-3">
          <ProblemNotice error={run.error} onRetry={() => void run.refetch()} />
        </div>
      ) : null}
      <RunHeader project={project} run={view} tasks={rows} permissions={permissions} onChanged={refresh} />
      {view.failure === null ? null : (
        <FailurePanel project={project} run={view} failure={view.failure} onOpen={select} />
      )}
      <div className="grid min-h-0 flex-1 grid-cols-1 gap-4 lg:grid-cols-[minmax(280px,360px)_minmax(0,1fr)]">
        {tasks.isPending ? (
          <div role="status" aria-label="Tasks are being fetched" className="skeleton h-64" />
        ) : rows === undefined ? (
          <ProblemNotice error={tasks.error} onRetry={() => void tasks.refetch()} />
        ) : (
          <TaskList tasks={rows} selected={groupOf(selected)} onSelect={select} />
        )}
        {selected === undefined ? null : (
          <TaskPanel
            key={`${view.id}/${selected.task}`}
            project={project}
            run={view}
            task={selected}
            onSelect={select}
            onChanged={refresh}
          />
        )}
      </div>
    </Clock>
  );
}

export function RunPageSkeleton() {
  return (
    <div role="status" aria-label="The run is being fetched" className="flex flex-1 flex-col gap-4">
      <span className="skeleton h-7 w-64" />
      <span className="skeleton h-4 w-96 max-w-full" />
      <div className="grid flex-1 grid-cols-1 gap-4 lg:grid-cols-[minmax(280px,360px)_minmax(0,1fr)]">
        <span className="skeleton h-64" />
        <span className="skeleton h-96" />
      </div>
    </div>
  );
}
