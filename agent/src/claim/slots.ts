// Slots: capacity for one attempt each. Everything is absolute, so a lost frame leaves no drift.

export interface SlotUse {
  readonly slots: number;
  /** Slots of the attempts taken whose tree is not proven gone. */
  readonly busy: number;
  readonly isDraining: boolean;
  readonly isPaused: boolean;
}

/** How many slots may be offered now. */
export const freeSlots = (use: SlotUse): number =>
  use.isDraining || use.isPaused ? 0 : Math.max(0, use.slots - use.busy);
