"use client";
import type { RouteResponse, RunSummary } from "@capstan/proto";
import { useInfiniteQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter, useSearchParams } from "next/navigation";
import { useEffect, useState } from "react";
import { api } from "../../api/client.ts";
import { patchRuns } from "../../live/reducer.ts";
import { useLive } from "../../live/use-live.ts";
import { formatPlural } from "../../lib/format.ts";
import { runPath, runsPath } from "../../lib/paths.ts";
import { isRunState, runEnded, runStateOrder, stateLooks } from "../../lib/states.ts";
import { Button } from "../../ui/button.tsx";
import { Ago, Clock, Span } from "../../ui/clock.tsx";
import { Command } from "../../ui/command.tsx";
import { Notice } from "../../ui/notice.tsx";
import { StateMark } from "../../ui/state-mark.tsx";
import { LivePaused } from "./live-paused.tsx";
import { ProblemNotice } from "./problem-notice.tsx";

type RunPageOf = RouteResponse<"runList">;
const pageSize = 50;

export function RunList({ project }: { readonly project: string }) {
  const search = useSearchParams();
  const router = useRouter();
  const client = useQueryClient();
  const stateText = search.get("state") ?? "";
  const state = isRunState(stateText) ? stateText : undefined;
  const words = search.get("q") ?? "";
  const filtered = state !== undefined || words !== "";
  const key = ["runs", project, state ?? "", words];
  const [polling, setPolling] = useState(false);
  const [behind, setBehind] = useState<ReadonlySet<string>>(new Set());

  const runs = useInfiniteQuery({
    queryKey: key,
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) =>
      api("runList", {
        params: { project },
        query: {
          limit: pageSize,
          ...(state === undefined ? {} : { state }),
          ...(words === "" ? {} : { q: words }),
          ...(pageParam === "" ? {} : { cursor: pageParam }),
        },
        signal,
      }),
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    refetchInterval: polling ? 5000 : false,
  });

  const refresh = (): void => {
    setBehind(new Set());
    void client.invalidateQueries({ queryKey: ["runs", project] });
  };
  const live = useLive(
    project,
    "runs",
    (batch) => {
      const unknown = new Set<string>();
      client.setQueryData<InfiniteData<RunPageOf, string>>(key, (held) => {
        if (held === undefined) return held;
        const known = new Set(held.pages.flatMap((page) => page.data.map((run) => run.id)));
        for (const frame of batch.run)
          if (!known.has(frame.subject) && frame.patch["state"] !== undefined) unknown.add(frame.subject);
        return {
          ...held,
          pages: held.pages.map((page) => ({ ...page, data: [...patchRuns(page.data, batch.run).runs] })),
        };
      });
      if (!filtered && unknown.size > 0) setBehind((before) => new Set([...before, ...unknown]));
    },
    refresh,
  );
  const paused = live === "paused";
  useEffect(() => setPolling(paused), [paused]);

  const setFilter = (name: "state" | "q", value: string): void => {
    const next = new URLSearchParams(search.toString());
    if (value === "") next.delete(name);
    else next.set(name, value);
    router.replace(next.size === 0 ? runsPath(project) : `${runsPath(project)}?${next.toString()}`, { scroll: false });
  };

  const rows = runs.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <Clock ticking={rows.some((run) => !runEnded[run.state])}>
      <div className="mb-4 flex flex-wrap items-center gap-3">
        <h1 className="mr-auto text-xl font-semibold tracking-tight">
          Runs{project === "default" ? "" : ` of ${project}`}
        </h1>
        <form
          role="search"
          className="flex w-full flex-wrap gap-2 sm:w-auto"
          onSubmit={(event) => {
            event.preventDefault();
            const value = new FormData(event.currentTarget).get("q");
            setFilter("q", typeof value === "string" ? value.trim() : "");
          }}
        >
          <input
            key={words}
            name="q"
            type="search"
            defaultValue={words}
            aria-label="Workflow or run"
            placeholder="Workflow or run"
            className="h-8 min-w-0 flex-1 rounded-md border border-line-strong bg-raised px-2.5 placeholder:text-ink-soft sm:w-56"
          />
          <select
            aria-label="State"
            value={state ?? ""}
            onChange={(event) => setFilter("state", event.target.value)}
            className="h-8 rounded-md border border-line-strong bg-raised px-2"
          >
            <option value="">Any state</option>
            {runStateOrder.map((each) => (
              <option key={each} value={each}>
                {stateLooks[each].word}
              </option>
            ))}
          </select>
        </form>
      </div>
      {paused ? <LivePaused /> : null}
      {behind.size > 0 ? (
        <div className="mb-3" role="status">
          <Button look="strong" onClick={refresh}>
            Show {formatPlural(behind.size, "new run")}
          </Button>
        </div>
      ) : null}
      {runs.isPending ? (
        <TableSkeleton />
      ) : runs.data === undefined ? (
        <ProblemNotice error={runs.error} onRetry={() => void runs.refetch()} />
      ) : rows.length === 0 ? (
        filtered ? (
          <Notice
            title="No run matches the filter."
            actions={<Button onClick={() => router.replace(runsPath(project))}>Clear filters</Button>}
          />
        ) : (
          <Notice title="No runs yet.">
            <p className="text-ink-soft">Start one from a terminal. It shows up here.</p>
            <div>
              <Command text="capstan run hello" />
            </div>
          </Notice>
        )
      ) : (
        <>
          {runs.isError ? (
            <div className="mb-3">
              <ProblemNotice error={runs.error} onRetry={() => void runs.refetch()} />
            </div>
          ) : null}
          <RunTable project={project} rows={rows} />
          {runs.hasNextPage ? (
            <Button
              className="mt-4 self-center"
              onClick={() => void runs.fetchNextPage()}
              aria-disabled={runs.isFetchingNextPage}
            >
              {runs.isFetchingNextPage ? "Fetching …" : "Show older runs"}
            </Button>
          ) : null}
        </>
      )}
    </Clock>
  );
}

function RunTable({ project, rows }: { readonly project: string; readonly rows: readonly RunSummary[] }) {
  return (
    <div className="overflow-hidden rounded-lg border border-line bg-raised">
      <table className="w-full table-fixed border-collapse text-left">
        <caption className="sr-only">Runs, newest first</caption>
        <thead className="border-b border-line text-xs text-ink-soft">
          <tr>
            <th scope="col" className="w-12 px-4 py-2 font-medium sm:w-32">
              <span className="sr-only sm:not-sr-only">State</span>
            </th>
            <th scope="col" className="px-2 py-2 font-medium">
              Run
            </th>
            <th scope="col" className="hidden w-40 px-2 py-2 font-medium md:table-cell">
              Started by
            </th>
            <th scope="col" className="w-24 px-2 py-2 text-right font-medium">
              Took
            </th>
            <th scope="col" className="w-24 px-4 py-2 text-right font-medium sm:w-32">
              Created
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((run) => (
            <tr key={run.id} className="relative border-b border-line last:border-0 hover:bg-sunken">
              <td className="px-4 py-2 align-top">
                <span className="sm:hidden">
                  <StateMark state={run.state} symbolOnly />
                </span>
                <span className="hidden sm:inline">
                  <StateMark state={run.state} />
                </span>
              </td>
              <td className="px-2 py-2 align-top">
                <Link
                  prefetch={false}
                  href={runPath(project, run.name)}
                  className="font-medium break-all after:absolute after:inset-0"
                >
                  {run.name}
                </Link>
                {run.failure === null ? null : (
                  <p className="truncate text-bad" title={run.failure.message}>
                    {run.failure.task === undefined ? "" : `${run.failure.task}: `}
                    {run.failure.message}
                  </p>
                )}
              </td>
              <td className="hidden truncate px-2 py-2 align-top text-ink-soft md:table-cell">
                {run.trigger.actor ?? run.trigger.kind}
              </td>
              <td className="px-2 py-2 text-right align-top">
                <Span from={run.startedAt} to={run.endedAt} />
              </td>
              <td className="px-4 py-2 text-right align-top text-ink-soft">
                <Ago at={run.createdAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function TableSkeleton() {
  return (
    <div role="status" aria-label="Runs are being fetched" className="rounded-lg border border-line bg-raised">
      {Array.from({ length: 8 }, (_, row) => (
        <div key={row} className="flex gap-6 border-b border-line px-4 py-3 last:border-0">
          <span className="skeleton h-3.5 w-20" />
          <span className="skeleton h-3.5 w-48" />
          <span className="skeleton ml-auto h-3.5 w-16" />
        </div>
      ))}
    </div>
  );
}

export function RunListSkeleton() {
  return (
    <>
      <h1 className="mb-4 text-xl font-semibold tracking-tight">Runs</h1>
      <TableSkeleton />
    </>
  );
}
