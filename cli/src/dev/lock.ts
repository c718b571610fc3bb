// The lock of a data folder: `lock`, a JSON object that names the process which serves the folder, and its address.
//  K1. It is made whole or not at all (written beside, then linked), so nobody reads half of one.
//  K2. It counts only while its process lives: pid and start time, because pids come round again.
//  K3. Two starts that both find a stale lock do not both take it: the taking over is itself exclusive.
import { hostname } from "node:os";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@capstan/proto";
import { z } from "zod";
import { isAlive } from "./postgres.ts";

const lockSchema = z.object({
  pid: z.int().positive(),
  /** Start of the process in the kernel's own ticks; empty where the system does not tell. */
  started: z.string(),
  host: z.string(),
  url: z.string().optional(),
});
export type Lock = z.infer<typeof lockSchema>;

export interface HeldLock {
  /** The lock that was found and belonged to nobody any more. */
  readonly stale: Lock | undefined;
  /** Adds the address, for everybody who looks for a running `dev`. */
  publish(url: string): void;
  release(): void;
}

/** Start time of a process by the kernel's word (Linux), or "" where it cannot be asked. */
export function processStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name may hold blanks and brackets: fields are counted after the last bracket; the 22nd is the start.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

/** The lock in a data folder, whether its process lives or not. */
export function readLock(dataDir: string): Lock | undefined {
  try {
    return lockSchema.parse(JSON.parse(readFileSync(join(dataDir, "lock"), "utf8")));
  } catch {
    return undefined;
  }
}

export const isHeld = (lock: Lock): boolean =>
  lock.host !== hostname() || (isAlive(lock.pid) && (lock.started === "" || processStart(lock.pid) === lock.started));

const takeoverAgeMs = 10_000;

function takeOver(dataDir: string, temporary: string): void {
  const guard = join(dataDir, "lock.takeover");
  try {
    mkdirSync(guard);
  } catch (error) {
    const age = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age < takeoverAgeMs)
      throw new AppError("already_running", `another start is taking over ${dataDir} just now`, { cause: error });
  }
  try {
    const now = readLock(dataDir);
    if (now !== undefined && isHeld(now)) throw alreadyRunning(now);
    renameSync(temporary, join(dataDir, "lock"));
  } finally {
    rmdirSync(guard);
  }
}

const alreadyRunning = (lock: Lock): AppError =>
  new AppError(
    "already_running",
    `already running${lock.url === undefined ? "" : ` at ${lock.url}`} (pid ${lock.pid})`,
  );

/**
 * Takes the lock of a data folder for this process.
 * @throws already_running where a living process holds it
 */
export function takeLock(dataDir: string): HeldLock {
  const path = join(dataDir, "lock");
  const temporary = join(dataDir, `lock.${process.pid}`);
  const mine: Lock = { pid: process.pid, started: processStart(process.pid), host: hostname() };
  const write = (lock: Lock): void => writeFileSync(temporary, JSON.stringify(lock), { mode: 0o600 });
  write(mine);
  let stale: Lock | undefined;
  try {
    linkSync(temporary, path);
    rmSync(temporary);
  } catch {
    const found = readLock(dataDir);
    try {
      if (found !== undefined && isHeld(found)) throw alreadyRunning(found);
      takeOver(dataDir, temporary);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    stale = found ?? { pid: 1, started: "", host: "" };
  }
  return {
    stale,
    publish: (url) => {
      write({ ...mine, url });
      renameSync(temporary, path);
    },
    release: () => {
      if (readLock(dataDir)?.pid === process.pid) rmSync(path, { force: true });
    },
  };
}
