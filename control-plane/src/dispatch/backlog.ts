// Lanes with waiting work, as far as this replica knows. A hint: the commit statement asserts the truth.
import { Turns } from "../engine/fairness.ts";
import type { Lane } from "./sessions.ts";

export class Backlog {
  /** Who comes next within a lane. */
  readonly turns = new Turns();
  private readonly lanes = new Map<string, Lane>();
  private readonly wake: (() => void)[] = [];

  has(laneId: string): boolean {
    return this.lanes.has(laneId);
  }

  /** Waiting work was written to the lane. */
  add(lane: Lane): void {
    if (this.lanes.has(lane.laneId)) return;
    this.lanes.set(lane.laneId, lane);
    for (const listener of this.wake) listener();
  }

  /** What waiting work lacked may be there now. */
  wakeUp(): void {
    if (this.lanes.size === 0) return;
    for (const listener of this.wake) listener();
  }

  /** The lane was found empty. */
  remove(laneId: string): void {
    this.lanes.delete(laneId);
  }

  /** Replaces what is known by what the database says. */
  replace(lanes: readonly Lane[]): void {
    this.lanes.clear();
    for (const lane of lanes) this.lanes.set(lane.laneId, lane);
  }

  all(): readonly Lane[] {
    return [...this.lanes.values()];
  }

  onWork(listener: () => void): void {
    this.wake.push(listener);
  }
}
