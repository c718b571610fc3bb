// CPU time by group of processes, from /proc. Everything that belongs to no group is foreign: other people's work on the
// machine, which makes wall-clock figures doubtful above 20 %.
import { readdirSync, readFileSync } from "node:fs";

export const groups = ["controlPlane", "agent", "postgres", "generator"] as const;
export type Group = (typeof groups)[number];
export type CpuUs = Readonly<Record<Group, number>>;

export interface CpuReading {
  readonly atMs: number;
  readonly byGroup: CpuUs;
  /** All CPU time of the machine that was not idle, microseconds. */
  readonly busyUs: number;
  readonly stealUs: number;
}

const tickUs = 10_000; // USER_HZ is 100 on every Linux that Node runs on

interface ProcessLine {
  readonly pid: number;
  readonly parent: number;
  readonly us: number;
}

function processes(): ProcessLine[] {
  const found: ProcessLine[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      // utime, stime, and those of children that were waited for: a process task's time stands there after its end.
      const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
      found.push({ pid: Number(name), parent: Number(fields[1]), us: ticks * tickUs });
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return found;
}

/**
 * Reads the CPU time of groups, each given by its root processes and any further processes that `belongs` names.
 * Children that ended count through their parents.
 */
export function readCpu(roots: Readonly<Record<Group, readonly number[]>>): CpuReading {
  const all = processes();
  const children = new Map<number, ProcessLine[]>();
  for (const one of all) children.set(one.parent, [...(children.get(one.parent) ?? []), one]);
  const byPid = new Map(all.map((one) => [one.pid, one]));
  const sum = (group: Group): number => {
    const open = roots[group].flatMap((pid) => byPid.get(pid) ?? []);
    const seen = new Set<number>();
    let us = 0;
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next.pid)) continue;
      seen.add(next.pid);
      us += next.us;
      if (group !== "generator") open.push(...(children.get(next.pid) ?? []));
    }
    return us;
  };
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  const [, user, nice, system, , , irq, softirq, steal] = line.split(/\s+/).map(Number);
  return {
    atMs: performance.now(),
    byGroup: {
      controlPlane: sum("controlPlane"),
      agent: sum("agent"),
      postgres: sum("postgres"),
      generator: process.cpuUsage().user + process.cpuUsage().system,
    },
    busyUs: ((user ?? 0) + (nice ?? 0) + (system ?? 0) + (irq ?? 0) + (softirq ?? 0) + (steal ?? 0)) * tickUs,
    stealUs: (steal ?? 0) * tickUs,
  };
}

export interface CpuSpent {
  readonly us: CpuUs;
  /** Share of the machine that others used, percent. */
  readonly foreignPct: number;
  readonly stealPct: number;
}

export function cpuBetween(from: CpuReading, to: CpuReading, cores: number): CpuSpent {
  const us = {
    controlPlane: to.byGroup.controlPlane - from.byGroup.controlPlane,
    agent: to.byGroup.agent - from.byGroup.agent,
    postgres: to.byGroup.postgres - from.byGroup.postgres,
    generator: to.byGroup.generator - from.byGroup.generator,
  };
  const ours = us.controlPlane + us.agent + us.postgres + us.generator;
  const wallUs = (to.atMs - from.atMs) * 1000 * cores;
  const stealUs = to.stealUs - from.stealUs;
  return {
    us,
    foreignPct: Math.max(0, ((to.busyUs - from.busyUs - stealUs - ours) / wallUs) * 100),
    stealPct: (stealUs / wallUs) * 100,
  };
}
