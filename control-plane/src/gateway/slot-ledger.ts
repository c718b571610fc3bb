// The slots of one session: what the agent stated, what was promised since, and in which order offers may leave.
//  S1. The agent's word is absolute: of offers with a number above `offers`, at most `free` slots are undecided.
//  S2. An offer number is never used twice, also where the promise was given back.
//  S3. Offers leave in the order of their numbers. The agent says "decided up to n" with one number, so an offer that
//      overtook a smaller one would make the smaller look lost although it is still on its way.
//  S4. What attempts take of the host is counted as slots are: the agent's word, less what is undecided.
import { lackingResource, noResources, plusTakes, type Takes, type Resources } from "@capstan/proto";

/** Keeps the account of one session; knows no socket and no clock. `O` is what an offer carries. */
export class SlotLedger<O> {
  #free = 0;
  #decided = 0;
  #issued = 0;
  #undecided = 0;
  #nextToSend = 1;
  #lastSent = 0;
  #room: Resources = noResources;
  readonly #weights = new Map<number, number>();
  /** Of the undecided promises, those that take more than slots. */
  readonly #takes = new Map<number, Takes>();
  readonly #waiting = new Map<number, O | undefined>();

  /** Slots that may be promised now. */
  get available(): number {
    return this.#free - this.#undecided;
  }

  /**
   * Up to which number every offer is decided: by the agent's word, or because it was given back and never left. The row
   * of one that was given back can exist all the same, where it was not known whether its commit took effect.
   */
  get decided(): number {
    return this.#decided >= this.#lastSent ? this.#nextToSend - 1 : this.#decided;
  }

  /** True where a promise was neither kept nor given back. */
  get hasOpenPromise(): boolean {
    return this.#nextToSend <= this.#issued;
  }

  /** What the host has left for attempts. */
  get room(): Resources {
    let room = this.#room;
    for (const takes of this.#takes.values()) room = plusTakes(room, takes, -1);
    return room;
  }

  /**
   * The agent's statement: `free` slots and `room`, all offers up to `offers` decided. An older statement changes only
   * what is free.
   */
  state(free: number, offers: number, room: Resources = noResources): void {
    this.#free = free;
    this.#room = room;
    const last = Math.min(offers, this.#nextToSend - 1);
    for (let seq = this.#decided + 1; seq <= last; seq++) this.#settle(seq);
    if (last > this.#decided) this.#decided = last;
  }

  /** Promises `weight` slots and what is needed beside them; undefined where that is not free. */
  take(weight: number, takes?: Takes): number | undefined {
    if (this.available < weight) return undefined;
    if (takes !== undefined && lackingResource(this.room, takes) !== undefined) return undefined;
    const seq = ++this.#issued;
    if (takes !== undefined) this.#takes.set(seq, takes);
    this.#weights.set(seq, weight);
    this.#undecided += weight;
    return seq;
  }

  /** The promise is not needed. Offers that waited behind it are added to `out`. */
  giveBack(seq: number, out: O[]): void {
    if (seq < this.#nextToSend || seq > this.#issued || this.#waiting.has(seq)) return;
    this.#settle(seq);
    this.#release(seq, undefined, out);
  }

  /** The promise is kept. What may leave now, in order, is added to `out`. */
  offer(seq: number, offer: O, out: O[]): void {
    if (seq < this.#nextToSend || seq > this.#issued || this.#waiting.has(seq)) return;
    this.#release(seq, offer, out);
  }

  #release(seq: number, offer: O | undefined, out: O[]): void {
    if (seq !== this.#nextToSend) {
      this.#waiting.set(seq, offer);
      return;
    }
    this.#leave(seq, offer, out);
    let next = seq + 1;
    while (this.#waiting.has(next)) {
      const kept = this.#waiting.get(next);
      this.#waiting.delete(next);
      this.#leave(next, kept, out);
      next++;
    }
    this.#nextToSend = next;
  }

  #leave(seq: number, offer: O | undefined, out: O[]): void {
    if (offer === undefined) return;
    out.push(offer);
    this.#lastSent = seq;
  }

  #settle(seq: number): void {
    const weight = this.#weights.get(seq);
    if (weight === undefined) return;
    this.#weights.delete(seq);
    if (this.#takes.size > 0) this.#takes.delete(seq);
    this.#undecided -= weight;
  }
}
