// Waiting for the end of a run: woken by the commit of this replica, and looking every second for those of others.
import type { IncomingMessage } from "node:http";
import { idFromUuid, type RunState, type RunView } from "@capstan/proto";
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

  /**
   * The run once it has ended, or as it is when the time is up or the caller has gone. `isFresh`: it was started in this
   * turn of the event loop, so it is not looked at before something happened to it.
   */
  async wait(
    project: ProjectScope,
    runId: string,
    waitMs: number,
    request: IncomingMessage,
    isFresh: boolean,
  ): Promise<RunView> {
    const until = performance.now() + waitMs;
    let isKnownOpen = isFresh;
    for (;;) {
      let wake = (): void => undefined;
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      // Listen first, then look: an end between the two is not missed.
      const forget = this.signals.onRunEnd(runId, wake);
      try {
        if (!isKnownOpen) {
          const run = await this.runs.show(project, idFromUuid("run", runId));
          if (run.endedAt !== null || until <= performance.now() || request.socket.destroyed) return run;
        }
        isKnownOpen = false;
        const timer = setTimeout(wake, Math.max(0, Math.min(lookMs, until - performance.now())));
        await woken;
        clearTimeout(timer);
      } finally {
        forget();
      }
    }
  }

  /** The end of one run, or undefined when the time is up. Call it in the turn in which the run was started. */
  endOf(runId: string, waitMs: number): Promise<RunState | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        forget();
        resolve(undefined);
      }, waitMs);
      const forget = this.signals.onRunEnd(runId, (state) => {
        clearTimeout(timer);
        resolve(state);
      });
    });
  }
}
