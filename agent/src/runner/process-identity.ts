// Naming a process so that a reused pid is not taken for it: pid, start time, boot id.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** Field 22 of `/proc/<pid>/stat`: start in clock ticks since boot. Undefined where the process is gone; 0 without /proc. */
export function startTicksOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    if (process.platform === "linux") return undefined;
    try {
      process.kill(pid, 0);
      return 0;
    } catch {
      return undefined;
    }
  }
  // The name, in parentheses, may hold spaces; what follows the last one does not.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : Number(fields[19]);
}

/** Hash of the kernel's boot id and the start time of pid 1, so that a restarted container counts as a reboot. */
export function readBootId(): string {
  let bootId = "none";
  try {
    bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    // No such file outside Linux: the start time of pid 1 alone has to do.
  }
  return createHash("sha256")
    .update(`${bootId} ${startTicksOf(1) ?? 0}`)
    .digest("hex")
    .slice(0, 32);
}

/** `CAPSTAN_WARM` of all warm interpreters of a runner. */
export const warmMark = (runner: { readonly pid: number; readonly startTicks: number }): string =>
  `${runner.pid}-${runner.startTicks}`;
