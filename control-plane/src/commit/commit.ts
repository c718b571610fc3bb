// The port of the plan stage: the one place where the state of runs changes.
import type { CanonicalWorkflow, JsonObject } from "@capstan/proto";
import type { Again } from "../engine/again.ts";
import type { EventOutcome, RunEvent, TimerKind } from "../engine/event.ts";

export const COMMIT = Symbol("Commit");

/** A deployed edition as the commit stage needs it; cached by digest, so pass the same object again. */
export interface WorkflowEdition {
  readonly projectId: string;
  readonly project: string;
  readonly workflowId: string;
  readonly digest: string;
  readonly document: CanonicalWorkflow;
  readonly bundleSha256?: string;
}

export interface StartRun {
  readonly edition: WorkflowEdition;
  /** Checked and complete (defaults applied). */
  readonly inputs: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  /** `{ kind: "api" | "manual" | …, actor }`: shown with the run. */
  readonly trigger: JsonObject;
  /** How it begins where it repeats another run. */
  readonly again?: Again;
  /** Written in the same transaction as the run. */
  readonly idempotency?: { readonly caller: string; readonly key: string; readonly requestSha256: string };
  /** No run is made while another one of the workflow that was started by this key has not ended. Not beside a claim. */
  readonly dedupeKey?: string;
  /** Where it was given before the run exists: a child's, by its parent. */
  readonly runId?: string | undefined;
  /** Where it was reserved before, because something asks for it early; the commit gives it otherwise. */
  readonly number?: number | undefined;
  /** When it was asked for, Unix ms, where something was told of it already; now, otherwise. */
  readonly createdMs?: number | undefined;
  /** No later deadline than this, Unix ms. */
  readonly deadlineMs?: number;
  /** Where the run that asks for it is paused: it begins when that one goes on. */
  readonly paused?: { readonly actor: string; readonly reason: string } | undefined;
  /** The timer that asks for this run. It goes in the same commit; where it has gone already, no run is made. */
  readonly claim?: { readonly runId: string; readonly position: number; readonly kind: TimerKind };
}

export type StartOutcome =
  | { readonly kind: "started"; readonly runId: string; readonly number: number; readonly createdMs: number }
  /** The key was used before: by the same request (its run), or by another one. */
  | { readonly kind: "replayed"; readonly runId: string }
  | { readonly kind: "key_reused" }
  /** The run that stands for its dedupe key goes on. */
  | { readonly kind: "deduped"; readonly runId: string }
  /** The workflow's concurrency does not take it: all that may go on do, or all that may wait do. No run was made. */
  | {
      readonly kind: "limit_reached" | "queue_full";
      readonly limit: number;
      readonly queuedMax: number;
      readonly active: number;
      readonly waiting: number;
      /** The first of the runs that go on, by id. */
      readonly holders: readonly string[];
    }
  /** The row that it claims is not there any more. */
  | { readonly kind: "unclaimed" };

export interface Commit {
  /** Resolves after the commit that made the run durable, and with it its first attempts. */
  start(request: StartRun): Promise<StartOutcome>;
  /**
   * Applies one event to one run and resolves after the commit. The outcome is a value; a rejection means that the
   * database could not be reached and nothing is known (`unavailable`).
   */
  submit(projectId: string, runId: string, event: RunEvent): Promise<EventOutcome>;
}
