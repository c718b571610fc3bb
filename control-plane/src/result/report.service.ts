// Reports of agents: each item becomes an event of its run, and an answer.
//  F1. The reporter is the authenticated session; nothing in a frame says who speaks.
//  F2. An item is idempotent by (attempt, epoch, kind, seq): the first effect stands and is answered again.
import { uuidFromId, type ReportItem, type ReportResult } from "@capstan/proto";
import type { Commit } from "../commit/commit.ts";
import type { CommitStore } from "../commit/commit.store.ts";
import type { AttemptPlace, LiveIndex } from "../commit/live-index.ts";
import type { EventOutcome, FinishResult, Reporter, RunEvent } from "../engine/event.ts";

export interface ReportingSession extends Reporter {
  readonly projectId: string;
}

/** One answer per item, in order. `unknown`: not this agent's attempt, or none at all. */
export type ReportAnswer = ReportResult | { readonly unknown: true };

export class ReportService {
  private readonly commit: Commit;
  private readonly store: CommitStore;
  private readonly live: LiveIndex;

  constructor(commit: Commit, store: CommitStore, live: LiveIndex) {
    this.commit = commit;
    this.store = store;
    this.live = live;
  }

  /**
   * Applies the items of one frame and resolves after their commit.
   * @throws unavailable when the database cannot be reached; the agent sends them again
   */
  async apply(session: ReportingSession, items: readonly ReportItem[]): Promise<readonly ReportAnswer[]> {
    const attemptIds = items.map((item) => uuidFromId("att", item.attempt));
    const places = await this.placesOf(session, attemptIds);
    const by: Reporter = { agentId: session.agentId, session: session.session };
    return Promise.all(
      items.map(async (item, i): Promise<ReportAnswer> => {
        const attemptId = attemptIds[i];
        const place = attemptId === undefined ? undefined : places.get(attemptId);
        if (attemptId === undefined || place === undefined) return { unknown: true };
        const outcome = await this.commit.submit(session.projectId, place.runId, eventOf(item, attemptId, place, by));
        return answerOf(item, outcome);
      }),
    );
  }

  private async placesOf(
    session: ReportingSession,
    attemptIds: readonly (string | undefined)[],
  ): Promise<ReadonlyMap<string, AttemptPlace>> {
    const places = new Map<string, AttemptPlace>();
    const missing: string[] = [];
    for (const id of attemptIds) {
      if (id === undefined) continue;
      const known = this.live.get(id);
      if (known?.projectId === session.projectId && known.agentId === session.agentId) places.set(id, known);
      else missing.push(id);
    }
    if (missing.length > 0) {
      for (const row of await this.store.findAttempts(session.projectId, session.agentId, missing)) {
        places.set(row.attemptId, row);
      }
    }
    return places;
  }
}

function eventOf(item: ReportItem, attemptId: string, place: AttemptPlace, by: Reporter): RunEvent {
  const ref = { attemptId, epoch: item.epoch, position: place.position, by };
  switch (item.kind) {
    case "reject":
      return { kind: "attempt_rejected", ...ref, reason: item.reason, detail: item.detail };
    case "started":
      return { kind: "attempt_started", ...ref, atMs: item.atMs };
    case "event":
      return { kind: "attempt_event", ...ref, seq: item.seq, atMs: item.atMs, type: item.type, body: item.body };
    case "finish":
      return { kind: "attempt_finished", ...ref, result: resultOf(item) };
  }
}

function resultOf(item: Extract<ReportItem, { kind: "finish" }>): FinishResult {
  const { kind: _kind, attempt: _attempt, epoch: _epoch, cause, ...rest } = item;
  if (item.outcome !== "lost") return defined(rest);
  const code = cause ?? "lease_over";
  return defined({
    ...rest,
    failure: rest.failure ?? { class: code === "runner_lost" ? "runner_lost" : "lost", code, message: code },
  });
}

/** Leaves out what is undefined, which the schema allows and the event type does not have. */
function defined(value: Record<string, unknown>): FinishResult {
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) if (value[key] !== undefined) result[key] = value[key];
  return result as unknown as FinishResult; // checked by the schema of the report
}

function answerOf(item: ReportItem, outcome: EventOutcome): ReportAnswer {
  const base = {
    attempt: item.attempt,
    epoch: item.epoch,
    kind: item.kind,
    ...(item.kind === "event" ? { seq: item.seq } : {}),
  };
  switch (outcome.kind) {
    case "accepted":
    case "duplicate":
    case "lease_lost":
    case "invalid":
      return { ...base, result: outcome.kind };
    case "expect":
      return { ...base, result: "expect", expectSeq: outcome.seq };
    case "refused":
    case "no_room": // of a claim, never of a report
    case "forbidden":
      return { ...base, result: "lease_lost" };
    case "not_found":
      return { unknown: true };
  }
}
