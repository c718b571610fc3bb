// Turns: within a level of priority the keys of a lane come one after another, however much each of them has waiting.
//  F1. Stride scheduling: the next pass of a key is one stride after its last; the smallest pass comes first.
//  F2. A key that had nothing waiting enters where the lane stands, plus a share of a stride by its hash: it neither
//      saves up turns nor waits behind the whole backlog, and keys that come together do not clump.
//  F3. A pass is an order and nothing else: losing this state, or two replicas that keep one each, cost some turns and
//      never work.

const stride = 1000;
/** Keys of a lane that are remembered before those without waiting work are dropped. */
const keysMax = 1000;
const lanesMax = 10_000;

interface LaneTurns {
  /** Pass of what was dispatched last: nothing that waits comes before it. */
  base: number;
  readonly last: Map<string, number>;
}

export class Turns {
  private readonly lanes = new Map<string, LaneTurns>();

  /** The pass of the next task run of a key that is queued in a lane. */
  next(laneId: string, key: string): number {
    const lane = this.of(laneId);
    const last = lane.last.get(key);
    const pass = last === undefined || last < lane.base ? lane.base + share(key) * stride : last + stride;
    lane.last.set(key, pass);
    if (lane.last.size > keysMax) {
      for (const [name, at] of lane.last) if (at < lane.base) lane.last.delete(name);
    }
    return pass;
  }

  /** What waits in the lane stands here. */
  reached(laneId: string, pass: number): void {
    const lane = this.of(laneId);
    if (pass > lane.base) lane.base = pass;
  }

  private of(laneId: string): LaneTurns {
    let lane = this.lanes.get(laneId);
    if (lane === undefined) {
      if (this.lanes.size >= lanesMax) this.lanes.clear();
      lane = { base: 0, last: new Map() };
      this.lanes.set(laneId, lane);
    }
    return lane;
  }
}

/** In [0, 1), the same for the same key (FNV-1a). */
function share(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) / 0x1_0000_0000;
}
