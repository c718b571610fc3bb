// Limits of an attempt's cgroup: what `resources.cpu` and `memory` count where work is placed, kept by the kernel where
// cgroup v2 hands us its controllers. Where it does not, they are counted only, and the attempt's log says so.
import { writeFileSync } from "node:fs";
import type { Takes } from "@capstan/proto";

/** Length of the period that a share of processors is measured by; the kernel's default. */
const periodUs = 100_000;
/** The kernel refuses a quota below a millisecond. */
const quotaUsMin = 1000;

/** Asks for the controllers of processors and memory in the children of a folder. Best effort. */
export function delegateControllers(cgroup: string): void {
  for (const controller of ["memory", "cpu"]) {
    try {
      writeExisting(`${cgroup}/cgroup.subtree_control`, `+${controller}`);
    } catch {
      // Not handed to us, or processes stand in this very folder: what it would limit is counted only.
    }
  }
}

/**
 * Limits a tree before its first process is born. Memory: no more than that, without swap, and the whole tree is killed
 * where it asks for more. Processors: a quota.
 * What runs within the runner itself, and what prepares a task, is not limited.
 * @returns what this host cannot limit, in words
 */
export function limitTree(
  { cgroup }: { readonly cgroup: string },
  { cpu = 0, memoryBytes = 0 }: Takes = {},
): string | undefined {
  const failed: ("cpu" | "memory")[] = [];
  if (memoryBytes > 0 && !isWritten(`${cgroup}/memory.max`, String(memoryBytes))) failed.push("memory");
  else if (memoryBytes > 0) {
    isWritten(`${cgroup}/memory.swap.max`, "0"); // a kernel without swap has no such file
    isWritten(`${cgroup}/memory.oom.group`, "1");
  }
  const quota = `${Math.max(quotaUsMin, Math.round(cpu * periodUs))} ${periodUs}`;
  if (cpu > 0 && !isWritten(`${cgroup}/cpu.max`, quota)) failed.push("cpu");
  if (failed.length === 0) return undefined;
  return `${failed.join(" and ")} of resources is counted, and not limited by this host`;
}

/** True where an interpreter that carries many attempts must not carry this one: its limits are of one attempt. */
export const isLimited = ({ cpu = 0, memoryBytes = 0 }: Takes = {}): boolean => cpu + memoryBytes > 0;

function isWritten(path: string, text: string): boolean {
  try {
    writeExisting(path, text);
    return true;
  } catch {
    return false;
  }
}

/** Files of a cgroup are there or not; one must never be made. */
const writeExisting = (path: string, text: string): void => writeFileSync(path, text, { flag: "r+" });
