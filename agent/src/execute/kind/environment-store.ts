// Environments that are made once and shared: a folder under `python` of the cache, by the hash of what is in it.
//  V1. A name is a link that appears by a rename, when what it leads to is whole. What is found is used as it is.
//  V2. One build at a time for a name, over all runners of the agent: a lock file with its owner's pid and start time. The
//      lock saves work and nothing else: two builds at once would make two folders, and the last link would win.
//  V3. A build belongs to all attempts that wait for it, and is ended when the last of them is.
//  V4. Beyond the limit the least recently used go, but none that a process runs in or that was used just now.
import { randomUUID } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startTicksOf } from "../../runner/process-identity.ts";
import { removeFolder } from "../../workspace/directory.ts";

const lookMs = 100;
const buildMsMax = 10 * 60 * 1000;
const freshMs = 10 * 60 * 1000;
const orphanMs = 60 * 60 * 1000;

export interface Build {
  /** Fills an empty place; the folder does not exist yet. Must stop on `signal`. */
  make(folder: string, signal: AbortSignal, note: (line: string) => void): Promise<void>;
}

interface Shared {
  readonly made: Promise<string>;
  readonly abort: AbortController;
  readonly listeners: Set<(line: string) => void>;
}
const making = new Map<string, Shared>();

export interface Wish {
  /** Folder of all environments; made where it is missing. */
  readonly root: string;
  /** 40 hex digits of what the environment is made from. */
  readonly name: string;
  readonly keep: number;
  readonly build: Build;
}

/** The real path of an environment, made where it is missing. @throws what the build throws, and the signal's reason */
export async function obtainEnvironment(
  wish: Wish,
  signal: AbortSignal,
  note: (line: string) => void,
): Promise<string> {
  signal.throwIfAborted();
  const link = join(wish.root, wish.name);
  const found = use(link);
  if (found !== undefined) return found;
  let shared = making.get(link);
  if (shared === undefined) {
    const abort = new AbortController();
    const listeners = new Set<(line: string) => void>();
    const made = makeLocked(wish, link, abort.signal, (line) => {
      for (const listener of listeners) listener(line);
    }).finally(() => making.delete(link));
    made.catch(() => undefined); // each that waits hears of it below
    shared = { made, abort, listeners };
    making.set(link, shared);
  }
  const { made, abort, listeners } = shared;
  const own = (line: string): void => note(line);
  listeners.add(own);
  note("making the Python environment; later attempts use it again");
  const given = Promise.withResolvers<never>();
  const giveUp = (): void => given.reject(signal.reason);
  signal.addEventListener("abort", giveUp);
  try {
    return await Promise.race([made, given.promise]);
  } finally {
    signal.removeEventListener("abort", giveUp);
    listeners.delete(own);
    if (listeners.size === 0) abort.abort();
  }
}

/** The real folder behind a link, marked as used now. */
function use(link: string): string | undefined {
  try {
    const real = realpathSync(link);
    const now = new Date();
    utimesSync(real, now, now);
    return real;
  } catch {
    return undefined;
  }
}

async function makeLocked(
  wish: Wish,
  link: string,
  signal: AbortSignal,
  note: (line: string) => void,
): Promise<string> {
  mkdirSync(wish.root, { recursive: true, mode: 0o700 });
  const lock = `${link}.lock`;
  while (!takeLock(lock)) {
    await delay(lookMs, undefined, { signal });
    const found = use(link);
    if (found !== undefined) return found;
  }
  try {
    const found = use(link);
    if (found !== undefined) return found;
    const real = `${link}.${randomUUID().slice(0, 8)}`;
    try {
      await wish.build.make(real, AbortSignal.any([signal, AbortSignal.timeout(buildMsMax)]), note);
      const fresh = `${real}.link`;
      symlinkSync(basename(real), fresh);
      renameSync(fresh, link);
    } catch (error) {
      rmSync(real, { recursive: true, force: true });
      throw error;
    }
    evictEnvironments(wish.root, wish.keep, Date.now());
    return realpathSync(link);
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Takes the lock, also from an owner that is dead. */
function takeLock(lock: string): boolean {
  try {
    writeFileSync(lock, `${process.pid} ${startTicksOf(process.pid) ?? 0}`, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  try {
    const [pid, ticks] = readFileSync(lock, "utf8").split(" ").map(Number);
    const isWritten = pid !== undefined && ticks !== undefined && !Number.isNaN(pid);
    const isDead = isWritten ? startTicksOf(pid) !== ticks : Date.now() - statSync(lock).mtimeMs > freshMs; // a file without content: between making and writing it
    if (isDead) {
      const stale = `${lock}.${randomUUID().slice(0, 8)}`;
      renameSync(lock, stale);
      rmSync(stale);
    }
  } catch {
    // It is gone: the next look takes it.
  }
  return false;
}

const namePattern = /^[0-9a-f]{40}$/;
const realPattern = /^[0-9a-f]{40}\.[0-9a-f]{8}$/;

/** Removes the least recently used beyond `keep`, and what builds have left. @returns names that went */
export function evictEnvironments(root: string, keep: number, nowMs: number): readonly string[] {
  const entries = readdirSync(root);
  const known = entries.flatMap((name) => {
    if (!namePattern.test(name)) return [];
    try {
      const real = join(root, readlinkSync(join(root, name)));
      return [{ name, real, usedMs: statSync(real).mtimeMs }];
    } catch {
      return []; // another runner has removed it
    }
  });
  const linked = new Set(known.map(({ real }) => basename(real)));
  const orphans = entries.filter((name) => realPattern.test(name) && !linked.has(name));
  for (const name of orphans) {
    const path = join(root, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && nowMs - stat.mtimeMs > orphanMs && !isRunIn(path)) removeFolder(path);
  }
  const removed: string[] = [];
  for (const { name, real, usedMs } of known.toSorted((a, b) => b.usedMs - a.usedMs).slice(keep)) {
    if (nowMs - usedMs < freshMs || isRunIn(real)) continue;
    rmSync(join(root, name), { force: true });
    removeFolder(real);
    removed.push(name);
  }
  return removed;
}

/** True where a process was started by a path within the folder. Outside Linux nobody can say: it counts as used. */
function isRunIn(folder: string): boolean {
  if (process.platform !== "linux") return true;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (readFileSync(`/proc/${name}/cmdline`, "utf8").includes(`${folder}/`)) return true;
    } catch {
      // It has ended.
    }
  }
  return false;
}
