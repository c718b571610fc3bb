"use client";
import type { RunView } from "@capstan/proto";
import { useMutation } from "@tanstack/react-query";
import { api } from "../../api/client.ts";
import { Button } from "../../ui/button.tsx";
import { ProblemNotice } from "./problem-notice.tsx";

/** Pauses a run or lets it go on. Harmless and undone by a second click, so it does not ask. */
export function PauseRun({
  project,
  run,
  action,
  onChanged,
}: {
  readonly project: string;
  readonly run: RunView;
  readonly action: "pause" | "resume";
  readonly onChanged: () => void;
}) {
  const change = useMutation({
    mutationFn: () =>
      action === "pause"
        ? api("runPause", { params: { project, run: run.name }, body: {} })
        : api("runResume", { params: { project, run: run.name } }),
    onSuccess: onChanged,
  });
  return (
    <span className="inline-flex flex-wrap items-center gap-2">
      {change.isError ? <ProblemNotice error={change.error} onRetry={() => change.mutate()} /> : null}
      <Button onClick={() => change.mutate()} aria-disabled={change.isPending}>
        {action === "pause" ? "Pause run" : "Resume run"}
      </Button>
    </span>
  );
}
