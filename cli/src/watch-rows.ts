// `--watch` of a list: redrawn on a terminal, elsewhere a line for each row that is new or has another state.
import { setTimeout as delay } from "node:timers/promises";
import type { AnyState } from "./output/state.ts";
import type { Context } from "./context.ts";
import { isPassing } from "./run-watch.ts";

export interface WatchedRows<T> {
  readonly look: () => Promise<readonly T[]>;
  readonly table: (rows: readonly T[]) => string;
  readonly keyOf: (row: T) => string;
  readonly stateOf: (row: T) => AnyState;
}

const everyMs = 1000;
/** How long a control plane may be away before the list gives up. */
const patienceMs = 120_000;

/** Looks again each second until Ctrl-C. */
export async function watchRows<T>(ctx: Context, rows: WatchedRows<T>): Promise<void> {
  const { out } = ctx;
  const draw = out.isTerminal && out.isForPeople ? (await import("log-update")).default : undefined;
  const seen = new Map<string, AnyState>();
  let seenAt = performance.now();
  for (;;) {
    try {
      const found = await rows.look();
      seenAt = performance.now();
      if (draw !== undefined) draw(rows.table(found).trimEnd());
      // Oldest first, as they came.
      else
        for (const row of found.toReversed()) {
          const key = rows.keyOf(row);
          const state = rows.stateOf(row);
          if (seen.get(key) === state) continue;
          seen.set(key, state);
          out.data(out.isJson ? `${JSON.stringify(row)}\n` : `${out.state(state)}  ${key}\n`);
        }
    } catch (error) {
      if (!isPassing(error) || performance.now() - seenAt > patienceMs) throw error;
    }
    await delay(everyMs);
  }
}
