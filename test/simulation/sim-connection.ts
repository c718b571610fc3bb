// A replica's connections to the database: every statement takes time, may be lost before or after its commit, may be
// carried out although its caller is told otherwise, and goes on when its caller dies.
import { limitRefKey, type LimitRef } from "../../control-plane/src/engine/limit.ts";
import type { Random } from "./random.ts";
import type { SimDatabase } from "./sim-database.ts";
import type { SimProcess } from "./sim-process.ts";
import type { World } from "./world.ts";

/** Chances of what happens to one statement, and how long it takes. */
export interface Weather {
  slowMs: number;
  lost: number;
  conflict: number;
  /** Chance that a renewal of leases is lost, beside the others. */
  renewalLost: number;
}

export class Unavailable extends Error {
  readonly injected = true;
}
/** 40001 and 40P01: the database ended the statement; nothing took effect. */
export class Conflict extends Error {
  readonly injected = true;
  readonly code = "40P01";
}
export const isUnavailable = (error: unknown): boolean => error instanceof Unavailable;

export interface StoreParts {
  readonly world: World;
  readonly database: SimDatabase;
  readonly process: SimProcess;
  readonly random: Random;
  readonly weather: Weather;
  readonly poolId: string;
  readonly pools: ReadonlyMap<string, string>;
  readonly fingerprint: (agentId: string) => string;
}

export class SimConnection {
  protected readonly parts: StoreParts;

  constructor(parts: StoreParts) {
    this.parts = parts;
  }

  /** A poll that finds nothing has no consequences, so it takes no event; what is found comes late, as any answer. */
  protected poll<T>(look: () => readonly T[]): Promise<readonly T[]> {
    const { database } = this.parts;
    if (database.isDown) return this.read("poll", look);
    const found = look();
    return found.length === 0 ? Promise.resolve(found) : this.read("poll", () => found);
  }

  /** What was there when it was asked, told later. */
  protected read<T>(name: string, look: () => T): Promise<T> {
    const { database, process, random, weather, world } = this.parts;
    return new Promise((resolve, reject) => {
      if (database.isDown || random.chance(weather.lost)) {
        world.count(`read lost: ${name}`);
        process.after(random.between(1, 50), () => reject(new Unavailable(`${name}: the connection was lost`)));
        return;
      }
      const found = look();
      process.after(this.latencyMs(), () => resolve(found));
    });
  }

  protected statement<S, T>(
    name: string,
    begin: () => S,
    commit: (snapshot: S) => T,
    waitsFor?: () => string | undefined,
    done: () => void = () => undefined,
  ): Promise<T> {
    const { database, process, random, weather, world } = this.parts;
    return new Promise((resolve, reject) => {
      const lose = (what: string): void => {
        world.count(`${name} ${what}`);
        process.after(random.between(1, 50), () =>
          reject(new Unavailable(`${name}: the connection was lost (${what})`)),
        );
      };
      if (database.isDown) {
        done();
        return lose("refused");
      }
      const fate = name === "renew" && random.chance(weather.renewalLost) ? 0 : random.next();
      if (fate < weather.lost / 3 || (fate === 0 && name === "renew")) {
        done();
        return lose("lost before");
      }
      const snapshot = begin();
      const isTold = fate >= weather.lost;
      const isLate = !isTold && fate < (weather.lost * 2) / 3;
      // The caller is told that the connection is gone while the statement is still under way.
      if (isLate) lose("lost under way");
      const ends = random.chance(weather.conflict) && name !== "state";
      const attempt = (): void => {
        if (database.isDown && random.chance(0.5)) {
          done();
          if (!isLate) lose("lost by a crash");
          return;
        }
        const holder = waitsFor?.();
        if (holder !== undefined) {
          database.locked.get(holder)?.statements.push(attempt);
          return;
        }
        if (ends) {
          world.count(`${name} conflict`);
          done();
          process.after(this.latencyMs(), () => reject(new Conflict(`${name}: deadlock detected`)));
          return;
        }
        let answer: T;
        try {
          answer = commit(snapshot);
        } catch (error) {
          done();
          process.after(0, () => reject(error));
          return;
        }
        done();
        if (isTold) process.after(this.latencyMs(), () => resolve(answer));
        else if (!isLate) lose("lost after");
      };
      // The server carries it out whether its client lives or not.
      world.after(this.latencyMs(), attempt);
    });
  }

  private latencyMs(): number {
    const { random, weather } = this.parts;
    return random.chance(0.9) ? random.between(0.5, 3) : random.between(0.5, 5 + weather.slowMs);
  }

  /**
   * One transaction under the locks of limits or of a group. The locks are given back when the caller is through and
   * nothing that it sent is under way any more; those of a process that dies, when the server notices.
   * @param work gets what wraps each statement, so that the locks outlive it
   */
  protected async underLocks<T>(refs: readonly LimitRef[], work: (done: () => () => void) => Promise<T>): Promise<T> {
    const { database, process, world } = this.parts;
    const keys = [...new Set(refs.map(limitRefKey))].sort();
    await this.read("lock", () => undefined);
    let open = 1;
    let isHeld = true;
    const release = (): void => {
      if (!isHeld || --open > 0) return;
      isHeld = false;
      for (const key of keys) database.unlock(key);
    };
    for (const key of keys) await new Promise<void>((resolve) => database.lock(key, process, resolve));
    const forget = process.atEnd(() => world.after(1, release));
    try {
      return await work(() => {
        open++;
        return release;
      });
    } finally {
      forget();
      release();
    }
  }
}
