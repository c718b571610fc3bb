// One repetition of a scenario, with what it cost and what else the machine did meanwhile.
import { availableParallelism } from "node:os";
import { cpuBetween, readCpu, type CpuSpent, type Group } from "./cpu.ts";
import { fsyncControl, type FsyncControl } from "./fsync.ts";
import type { Stack } from "./stack.ts";

export interface Repetition {
  /** Named figures of this repetition: `tasksPerSecond`, `p50Ms` … */
  readonly figures: Readonly<Record<string, number>>;
  readonly tasks: number;
  readonly cpuUsPerTask: Readonly<Record<Group, number>>;
  readonly foreignPct: number;
  readonly stealPct: number;
  readonly fsync: FsyncControl;
  /** What was started ended once, with a success: counted outside the product. */
  readonly ledger: { readonly started: number; readonly ended: number };
}

export interface Outcome {
  readonly figures: Readonly<Record<string, number>>;
  readonly tasks: number;
  readonly ledger: { readonly started: number; readonly ended: number };
}

export async function measure(stack: Stack, work: () => Promise<Outcome>): Promise<Repetition> {
  const fsync = fsyncControl(stack.folder, 200);
  const from = readCpu(stack.roots());
  const outcome = await work();
  const spent: CpuSpent = cpuBetween(from, readCpu(stack.roots()), availableParallelism());
  const per = (us: number): number => Math.round(us / Math.max(1, outcome.tasks));
  return {
    ...outcome,
    cpuUsPerTask: {
      controlPlane: per(spent.us.controlPlane),
      agent: per(spent.us.agent),
      postgres: per(spent.us.postgres),
      generator: per(spent.us.generator),
    },
    foreignPct: spent.foreignPct,
    stealPct: spent.stealPct,
    fsync,
  };
}
