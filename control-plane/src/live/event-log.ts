// The port of the live stream to the event log.
//  V1. A position is (transaction, id). Only rows below the oldest transaction still open are given, because a bare
//      sequence can show 11 before 10, and a client that resumes after 11 would never see 10.
import type { HistoryItem } from "../engine/event.ts";

export const EVENT_LOG = Symbol("EventLog");

export interface Position {
  /** xid8 as text. */
  readonly tx: string;
  /** bigint as text. */
  readonly id: string;
}

export interface LoggedEvents {
  readonly position: Position;
  readonly projectId: string;
  readonly runId: string;
  readonly workflow: string;
  readonly number: number;
  readonly at: string;
  readonly items: readonly HistoryItem[];
}

export interface EventLog {
  /** The end of what is certain now. */
  head(): Promise<Position>;
  /** Committed rows after a position, oldest first. */
  after(position: Position, limit: number): Promise<readonly LoggedEvents[]>;
  /** False where rows of that age may be missing: the client has to fetch again. */
  canResume(position: Position): Promise<boolean>;
  /** Calls the listener when some replica committed history; a hint. Resolves to a function that ends it. */
  listen(listener: () => void): Promise<() => void>;
}

export const positionText = (position: Position): string => `${position.tx}.${position.id}`;

export function parsePosition(text: string): Position | undefined {
  const match = /^(\d{1,20})\.(\d{1,19})$/.exec(text);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { tx: match[1], id: match[2] };
}

export const isAfter = (a: Position, b: Position): boolean => {
  const [ta, tb] = [BigInt(a.tx), BigInt(b.tx)];
  return ta === tb ? BigInt(a.id) > BigInt(b.id) : ta > tb;
};
