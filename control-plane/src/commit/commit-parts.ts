// What the commit loop is made of, and what it says of itself.
import type { Logger } from "pino";
import type { Backlog } from "../dispatch/backlog.ts";
import type { DatabaseClock } from "../dispatch/database-clock.ts";
import type { Scheduler } from "../dispatch/scheduler.ts";
import type { Sessions } from "../dispatch/sessions.ts";
import type { CommitSignals } from "./commit-signals.ts";
import type { CommitStore } from "./commit.store.ts";
import type { HeldWorkflows } from "./held-workflows.ts";
import type { LiveIndex } from "./live-index.ts";

export interface CommitLoopOptions {
  /** Runs in one statement, default 200. */
  readonly batchMax?: number;
  /** Statements in flight, default 2. */
  readonly inFlightMax?: number;
  /** Origin of links; asked late, because a free port is known only when it listens. */
  readonly publicUrl: () => string;
  readonly newId: () => string;
  readonly isUnavailable: (error: unknown) => boolean;
  readonly scheduler?: Scheduler;
}

export interface CommitLoopParts {
  readonly store: CommitStore;
  readonly sessions: Sessions;
  readonly backlog: Backlog;
  readonly clock: DatabaseClock;
  readonly live: LiveIndex;
  readonly signals: CommitSignals;
  readonly log: Logger;
  /** Whose new runs wait; nobody's unless said. */
  readonly held?: Pick<HeldWorkflows, "has">;
}

export interface CommitStatus {
  readonly waiting: number;
  readonly inFlight: number;
  readonly commits: number;
  readonly runsWritten: number;
  readonly refused: number;
  readonly errors: number;
}
