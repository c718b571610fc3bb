// Workflows that are paused: their new runs are made, and wait. The rows of `workflows` say which; each replica looks once a
// second, and at once where the pause came through itself. So a run that another replica is asked for within that second
// may still begin; one that waits does not, since the statement that finds it reads the row (admissible-runs.sql).
import type { Logger } from "pino";
import type { DispatchStore } from "../dispatch/dispatch.store.ts";
import { Loop } from "../dispatch/loop.ts";
import type { CommitSignals } from "./commit-signals.ts";

export const HELD_WORKFLOWS = Symbol("HeldWorkflows");

export class HeldWorkflows {
  private ids: ReadonlySet<string> = new Set();
  private readonly store: Pick<DispatchStore, "pausedWorkflows">;
  private readonly signals: Pick<CommitSignals, "tellRoom">;

  constructor(store: Pick<DispatchStore, "pausedWorkflows">, signals: Pick<CommitSignals, "tellRoom">) {
    this.store = store;
    this.signals = signals;
  }

  has(workflowId: string): boolean {
    return this.ids.has(workflowId);
  }

  /** Reads them anew. Where one is not paused any more, its runs are looked for at once. */
  async look(): Promise<void> {
    const before = this.ids;
    this.ids = new Set(await this.store.pausedWorkflows());
    if ([...before].some((id) => !this.ids.has(id))) this.signals.tellRoom();
  }
}

export const heldWorkflowsLoop = (held: HeldWorkflows, log: Logger): Loop =>
  new Loop({
    name: "held workflows",
    everyMs: 1000,
    log,
    round: async () => {
      await held.look();
      return false;
    },
  });
