"use client";
import type { RunView } from "@capstan/proto";
import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { api } from "../../api/client.ts";
import { runPath } from "../../lib/paths.ts";
import { Button } from "../../ui/button.tsx";
import { ProblemNotice } from "./problem-notice.tsx";

/** Starts a retry of a run that has ended, and goes to it. The run itself never changes, so it does not ask. */
export function RetryRun({ project, run }: { readonly project: string; readonly run: RunView }) {
  const router = useRouter();
  const retry = useMutation({
    mutationFn: () => api("runRetry", { params: { project, run: run.name }, body: {} }),
    onSuccess: (made) => router.push(runPath(project, made.name)),
  });
  return (
    <span className="inline-flex flex-wrap items-center gap-2">
      {retry.isError ? <ProblemNotice error={retry.error} onRetry={() => retry.mutate()} /> : null}
      <Button onClick={() => retry.mutate()} aria-disabled={retry.isPending}>
        Retry run
      </Button>
    </span>
  );
}
