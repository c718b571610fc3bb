import type { EventStore } from "./event.store.ts";

export const EVENTS = Symbol("Events");

export interface Events {
  readonly store: EventStore;
  readonly newId: () => string;
  /** Tells what was kept at once, not at the loop's next round. */
  readonly wake: () => void;
}
