"use client";
import { AlertDialog } from "@base-ui/react/alert-dialog";
import type { RunView } from "@capstan/proto";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../api/client.ts";
import type { Allowed } from "../../lib/allowed-actions.ts";
import { formatPlural } from "../../lib/format.ts";
import { Button, buttonLook } from "../../ui/button.tsx";
import { Command } from "../../ui/command.tsx";
import { ProblemNotice } from "./problem-notice.tsx";

export function CancelRun({
  project,
  run,
  allowed,
  onCancelled,
}: {
  readonly project: string;
  readonly run: RunView;
  readonly allowed: Allowed;
  readonly onCancelled: () => void;
}) {
  const [open, setOpen] = useState(false);
  const cancel = useMutation({
    mutationFn: () => api("runCancel", { params: { project, run: run.name }, body: {} }),
    onSuccess: () => {
      setOpen(false);
      onCancelled();
    },
  });
  if (!allowed.allowed) {
    return (
      <span className="inline-flex flex-wrap items-center gap-2">
        <span id="cancel-why" className="text-xs text-ink-soft">
          {allowed.why}
        </span>
        <Button aria-disabled="true" aria-describedby="cancel-why">
          Cancel run
        </Button>
      </span>
    );
  }
  const running = run.taskCounts.running ?? 0;
  return (
    <AlertDialog.Root open={open} onOpenChange={setOpen}>
      <AlertDialog.Trigger className={buttonLook({ look: "danger" })}>Cancel run</AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="fixed inset-0 bg-black/40" />
        <AlertDialog.Popup className="fixed top-1/2 left-1/2 flex w-[min(28rem,calc(100vw-2rem))] -translate-1/2 flex-col gap-3 rounded-xl border border-line bg-raised p-5 shadow-xl">
          <AlertDialog.Title className="text-base font-semibold">Cancel {run.name}?</AlertDialog.Title>
          <AlertDialog.Description className="text-ink-soft">
            {running === 0
              ? "No task is running."
              : `${formatPlural(running, "task")} ${running === 1 ? "is" : "are"} running and told to stop; each has its grace time to do so.`}{" "}
            Tasks that wait do not start. Hooks for a cancelled run do.
          </AlertDialog.Description>
          <div>
            <Command text={`capstan cancel ${run.name}`} />
          </div>
          {cancel.isError ? <ProblemNotice error={cancel.error} onRetry={() => cancel.mutate()} /> : null}
          <div className="flex justify-end gap-2">
            <AlertDialog.Close className={buttonLook()}>Keep it running</AlertDialog.Close>
            <Button look="danger" onClick={() => cancel.mutate()} aria-disabled={cancel.isPending}>
              {cancel.isPending ? "Cancelling …" : "Cancel run"}
            </Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
