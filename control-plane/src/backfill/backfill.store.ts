// The port of backfills to their rows.
import type { BackfillRunOutcome, BackfillState, JsonObject } from "@capstan/proto";
import type { DueTimer } from "../dispatch/dispatch.store.ts";
import type { BackfillNext, BackfillWhat } from "../engine/backfill.ts";
import type { Once, OnceKey } from "../http/once-key.ts";

type Labels = Readonly<Record<string, string>>;

export interface NewBackfill {
  readonly id: string;
  readonly workflowId: string;
  readonly digest: string;
  readonly what: BackfillWhat;
  /** Inputs of each value. */
  readonly items: readonly JsonObject[] | undefined;
  readonly inputs: JsonObject;
  readonly labels: Labels;
  readonly newestFirst: boolean;
  readonly maxParallel: number;
  readonly skipExisting: boolean;
  readonly total: number;
  readonly actor: string;
}

/** A backfill whose time has come, under its lock. */
export interface LockedBackfill {
  readonly projectId: string;
  readonly project: string;
  readonly id: string;
  readonly workflowId: string;
  readonly workflow: string;
  readonly digest: string;
  readonly what: BackfillWhat;
  readonly newestFirst: boolean;
  readonly maxParallel: number;
  readonly skipExisting: boolean;
  readonly state: BackfillState;
  readonly cursor: number | undefined;
  readonly taken: number;
  readonly failed: number;
  /** Asked for and not ended. */
  readonly open: number;
}

/** What the row of `timers` carries that stands for a run until it is made; plain JSON. */
export type BackfillStartBody = {
  readonly project: string;
  readonly backfill: string;
  readonly ordinal: number;
  readonly workflowId: string;
  readonly workflow: string;
  readonly digest: string;
  readonly kind: BackfillWhat["kind"];
  readonly at: number;
  readonly windowStartMs?: number;
  /** Id of the schedule, for its ticks. */
  readonly trigger?: string;
};

export interface BackfillDecision extends BackfillNext {
  /** A run for each take that is not skipped, in their order. */
  readonly starts: readonly { readonly runId: string; readonly body: BackfillStartBody }[];
}

export interface LookedAt {
  readonly starts: readonly DueTimer[];
  /** Of a backfill that is being cancelled: runs that go on. */
  readonly cancels: readonly { readonly projectId: string; readonly runId: string }[];
}

/** What a run is started with, looked up when its turn comes. */
export interface BackfillStart {
  readonly state: BackfillState;
  readonly actor: string;
  readonly inputs: JsonObject;
  readonly labels: Labels;
  /** Inputs of its value, or the run that is retried. */
  readonly item: JsonObject | undefined;
}

export interface BackfillRecord {
  readonly id: string;
  readonly workflow: string;
  readonly workflowId: string;
  readonly digest: string;
  readonly version: number;
  readonly what: BackfillWhat;
  readonly newestFirst: boolean;
  readonly maxParallel: number;
  readonly skipExisting: boolean;
  readonly total: number;
  readonly state: BackfillState;
  readonly pause: { readonly actor: string; readonly reason: string } | null;
  readonly taken: number;
  readonly going: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly actor: string;
  readonly created: string;
  readonly ended: string | null;
  readonly originId: string | null;
  readonly isWorkflowPaused: boolean;
  /** Why a start that was asked for has to wait. */
  readonly held: { readonly code: string; readonly detail: string } | null;
}

export interface BackfillRunRecord {
  readonly ordinal: number;
  readonly at: number;
  readonly item: JsonObject | null;
  readonly runId: string | null;
  /** Name of the run, where there is one. */
  readonly run: string | null;
  readonly outcome: BackfillRunOutcome | null;
  readonly code: string | null;
  readonly detail: string | null;
}

export interface BackfillPage {
  readonly limit: number;
  readonly after: string | undefined;
}

export type RetryMade =
  | { readonly kind: "made"; readonly id: string; readonly count: number }
  | { readonly kind: "nothing" };

export interface BackfillStore {
  /** Ticks of these that the workflow has a run of, whatever asked for it. */
  existing(projectId: string, workflowId: string, range: readonly [fromMs: number, toMs: number]): Promise<number[]>;
  /** With its audit record, in one transaction. Answers its id. */
  create(projectId: string, backfill: NewBackfill, key: OnceKey | undefined): Promise<Once<{ readonly id: string }>>;
  /** A new backfill of those runs of another that failed; it must have ended. */
  retry(
    projectId: string,
    id: string,
    by: { readonly id: string; readonly actor: string },
    key: OnceKey | undefined,
  ): Promise<Once<RetryMade>>;
  list(
    projectId: string,
    filter: { readonly workflow: string | undefined; readonly states: readonly BackfillState[] | undefined },
    page: BackfillPage,
  ): Promise<readonly BackfillRecord[]>;
  find(projectId: string, id: string): Promise<BackfillRecord | undefined>;
  runs(
    projectId: string,
    id: string,
    outcomes: readonly BackfillRunOutcome[] | undefined,
    page: { readonly limit: number; readonly after: number | undefined },
  ): Promise<readonly BackfillRunRecord[]>;
  /**
   * Moves it on where it is in one of the states `from`, with an audit record. Answers the state that it has now and
   * whether anything changed; undefined where there is none.
   */
  steer(
    projectId: string,
    id: string,
    change: {
      readonly from: readonly BackfillState[];
      readonly to: BackfillState;
      readonly pause: { readonly actor: string; readonly reason: string } | undefined;
      readonly actor: string;
      readonly action: "pause" | "resume" | "cancel";
    },
  ): Promise<{ readonly state: BackfillState; readonly changed: boolean } | undefined>;
  /**
   * Looks at one backfill of any project that is due or in `hinted`, past those that another replica holds: settles runs
   * that have ended, and writes what `decide` says, in one transaction. Undefined where there is none.
   * @param decide is given the places that have a run already by `existing`
   */
  look(
    hinted: readonly string[],
    decide: (
      row: LockedBackfill,
      existing: (ticks: readonly number[]) => Promise<ReadonlySet<number>>,
    ) => Promise<BackfillDecision>,
  ): Promise<LookedAt | undefined>;
  startOf(projectId: string, body: BackfillStartBody): Promise<BackfillStart | undefined>;
  /** Looks again after a while; the row of the start stays, with the reason. */
  postpone(start: DueTimer, byMs: number, why: { readonly code: string; readonly detail: string }): Promise<void>;
  /** The value gets no run: its start's row goes, and the reason is kept. Nothing where the row has gone already. */
  refuse(
    start: DueTimer,
    outcome: "skipped" | "refused",
    why: { readonly code: string; readonly detail: string },
  ): Promise<void>;
}
