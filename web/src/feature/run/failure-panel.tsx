"use client";
import type { RunView } from "@capstan/proto";
import { useQuery } from "@tanstack/react-query";
import { api } from "../../api/client.ts";
import { Button } from "../../ui/button.tsx";
import { LogText } from "./log-text.tsx";

const linesShown = 10;

/** Why the run failed: the cause alone and first, then the last lines that the task wrote. */
export function FailurePanel({
  project,
  run,
  failure,
  onOpen,
}: {
  readonly project: string;
  readonly run: RunView;
  readonly failure: NonNullable<RunView["failure"]>;
  readonly onOpen: (task: string) => void;
}) {
  const task =
    failure.task === undefined || failure.index === undefined ? failure.task : `${failure.task}.${failure.index}`;
  const tail = useQuery({
    queryKey: ["tail", project, run.name, task],
    enabled: task !== undefined,
    queryFn: ({ signal }) =>
      api("taskLogs", { params: { project, run: run.name, task: task ?? "" }, query: { tail: linesShown }, signal }),
  });
  const lines = tail.data?.data ?? [];
  return (
    <section aria-label="Why it failed" className="mb-4 overflow-hidden rounded-lg border border-bad/50 bg-bad-soft">
      <div className="flex flex-wrap items-start gap-x-4 gap-y-2 px-4 py-3">
        <div className="min-w-0 flex-1">
          <h2 className="text-[0.9375rem] font-semibold text-bad">
            {task === undefined ? "The run failed" : `${task} failed`}
          </h2>
          <p className="break-words whitespace-pre-wrap">{failure.message}</p>
          <p className="mt-1 font-mono text-xs text-ink-soft">
            {[
              failure.class,
              failure.code,
              failure.exitCode === undefined ? undefined : `exit ${failure.exitCode}`,
              failure.signal,
              failure.file === undefined
                ? undefined
                : `${failure.file}${failure.line === undefined ? "" : `:${failure.line}`}`,
            ]
              .filter((part, place, all) => part !== undefined && all.indexOf(part) === place)
              .join(" · ")}
          </p>
        </div>
        {task === undefined ? null : <Button onClick={() => onOpen(task)}>Open its log</Button>}
      </div>
      {lines.length === 0 ? null : (
        <div
          role="region"
          tabIndex={0}
          aria-label={`Last lines of ${task ?? ""}`}
          className="overflow-x-auto border-t border-bad/30 bg-raised px-4 py-2 font-mono text-xs"
        >
          {lines.map((line) => (
            <div key={line.line} className="log-row w-max">
              <LogText line={line} />
            </div>
          ))}
        </div>
      )}
    </section>
  );
}
