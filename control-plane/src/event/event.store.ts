// The port of custom events to their rows.
import type { JsonObject } from "@capstan/proto";

export interface NewEvent {
  readonly id: string;
  readonly type: string;
  /** A repeat of it is the same event; undefined where the sender gave neither an id nor a key. */
  readonly dedupe: string | undefined;
  readonly actor: string;
  /** The run that sent it, where it says so: what it starts is one further in its chain of triggers. */
  readonly sentBy?: string | undefined;
  /** As tasks that wait for it see it: `id`, `type`, `at`, `data`, and what else the sender said. */
  readonly body: JsonObject;
}

export interface StoredEvent {
  readonly body: JsonObject;
  readonly isNew: boolean;
}

export interface EventStore {
  /** Keeps an event. Where its `dedupe` is known already, answers the one that was kept. */
  put(projectId: string, event: NewEvent): Promise<StoredEvent>;
  /**
   * Gives every task run that waits for one of the oldest events not told yet its own row, every trigger that listens a
   * delivery and the row that stands for its run's start, and marks those events told, in one transaction; events that another replica tells are skipped. Answers how many events were told.
   */
  tell(limit: number): Promise<number>;
  /** Events of a type since a time and behind a number, oldest first. */
  since(look: {
    readonly projectId: string;
    readonly type: string;
    readonly sinceMs: number;
    readonly afterSeq: number;
    readonly limit: number;
  }): Promise<{ readonly bodies: readonly JsonObject[]; readonly lastSeq: number }>;
}
