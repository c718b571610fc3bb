// What the commit loop is made of, and what it says of itself.
import { AppError } from "@capstan/proto";
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

/** What those who wait for a statement are told of its failure; a bug stays what it is. */
export function toldOf(error: unknown, isUnavailable: boolean): unknown {
  if (isUnavailable)
    return new AppError("unavailable", "the database cannot be reached; whether this took effect is not known", {
      cause: error,
    });
  if (isRolledBack(error))
    return new AppError("unavailable", "the database ended this for another change; nothing took effect, try again", {
      cause: error,
    });
  return error;
}

/** 40001, 40P01 and their like: the database chose this statement as the one to end, and the next try may be through. */
const isRolledBack = (error: unknown): boolean =>
  error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("40");
