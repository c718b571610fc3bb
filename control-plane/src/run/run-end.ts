// Waiting for the end of a run: woken by the commit of this replica, and looking every second for those of others.
import type { IncomingMessage } from "node:http";
import { idFromUuid, type RunView } from "@capstan/proto";
import type { CommitSignals } from "../commit/commit-signals.ts";
import type { ProjectScope } from "../http/request-context.ts";
import type { RunService } from "./run.service.ts";

const lookMs = 1_000;

export class RunEnd {
  private readonly runs: RunService;
  private readonly signals: CommitSignals;

  constructor(runs: RunService, signals: CommitSignals) {
    this.runs = runs;
    this.signals = signals;
  }

  /** The run once it has ended, or as it is when the time is up or the caller has gone. */
  async wait(project: ProjectScope, runId: string, waitMs: number, request: IncomingMessage): Promise<RunView> {
    const until = performance.now() + waitMs;
    for (;;) {
      let wake = (): void => undefined;
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      // Listen first, then look: an end between the two is not missed.
      const forget = this.signals.onRunEnd(runId, wake);
      try {
        const run = await this.runs.show(project, idFromUuid("run", runId));
        const leftMs = until - performance.now();
        if (run.endedAt !== null || leftMs <= 0 || request.socket.destroyed) return run;
        const timer = setTimeout(wake, Math.min(lookMs, leftMs));
        await woken;
        clearTimeout(timer);
      } finally {
        forget();
      }
    }
  }
}
