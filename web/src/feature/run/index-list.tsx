"use client";
import type { RunView, TaskRunView } from "@capstan/proto";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { api } from "../../api/client.ts";
import { formatCount } from "../../lib/format.ts";
import { taskRunEnded } from "../../lib/states.ts";
import { Button } from "../../ui/button.tsx";
import { Span } from "../../ui/clock.tsx";
import { StateMark } from "../../ui/state-mark.tsx";
import { ProblemNotice } from "./problem-notice.tsx";

const pageSize = 100;

/** The indexes of a mapped task that have begun, a page at a time, with the item of each. */
export function IndexList({
  project,
  run,
  task,
  onSelect,
}: {
  readonly project: string;
  readonly run: RunView;
  readonly task: TaskRunView;
  readonly onSelect: (task: string) => void;
}) {
  const params = { project, run: run.name };
  const pages = useInfiniteQuery({
    queryKey: ["indexes", project, run.name, task.task, task.state],
    queryFn: ({ signal, pageParam }) =>
      api("taskList", {
        params,
        query: { of: task.task, limit: pageSize, ...(pageParam === undefined ? {} : { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: undefined as string | undefined, // the type of a cursor; the first page has none
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: taskRunEnded[task.state] ? false : 5000,
  });
  if (pages.isError) return <ProblemNotice error={pages.error} onRetry={() => void pages.refetch()} />;
  const rows = pages.data?.pages.flatMap((page) => page.data) ?? [];
  const waiting = task.mapped?.waiting ?? 0;
  return (
    <section aria-label={`Indexes of ${task.task}`} className="rounded-lg border border-line bg-raised">
      <ul className="max-h-96 overflow-y-auto">
        {rows.map((row) => (
          <li key={row.task} className="border-b border-line last:border-b-0">
            <button
              type="button"
              onClick={() => onSelect(row.task)}
              className="flex w-full items-center gap-2 px-3 py-2 text-left hover:bg-sunken"
            >
              <StateMark state={row.state} symbolOnly />
              <span className="font-medium">{row.index}</span>
              <span className="min-w-0 flex-1 truncate font-mono text-xs text-ink-soft">
                {row.item === undefined ? "" : JSON.stringify(row.item)}
              </span>
              <span className="w-16 text-right text-xs text-ink-soft">
                <Span from={row.startedAt} to={row.endedAt} />
              </span>
            </button>
          </li>
        ))}
      </ul>
      <div className="flex items-center gap-4 px-3 py-2 text-xs text-ink-soft">
        {waiting > 0 ? <span>{formatCount(waiting)} not begun yet</span> : null}
        {pages.hasNextPage ? (
          <Button onClick={() => void pages.fetchNextPage()} disabled={pages.isFetchingNextPage}>
            Show more
          </Button>
        ) : null}
      </div>
    </section>
  );
}
