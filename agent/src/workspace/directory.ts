// The private folder of one attempt: what is where in it, and when it goes.
//  W1. The runner hands it out empty, 0700, and to one attempt at a time: nothing of another attempt is in it.
//  W2. The runner deletes it at the end; after a failure it stays a day, and of those the newest twenty.
//  W3. Deleting follows no link: what a task linked to stays.
import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

export const keptMsMax = 24 * 60 * 60 * 1000;
export const keptFoldersMax = 20;

/** Where the parts of an attempt's folder are. */
export interface AttemptFolder {
  readonly root: string;
  /** Empty at the start; the task's current folder. */
  readonly work: string;
  /** `CAPSTAN_OUT_DIR`; the same as `work` where no declared output can be a file. */
  readonly out: string;
  /** `TMPDIR`. */
  readonly temporary: string;
  /** Input files, made on demand. */
  readonly files: string;
}

/** Names beneath `root` of what task and runner exchange. */
export const exchange = {
  inputs: "inputs.json",
  outputs: "outputs",
  events: "events.jsonl",
  summary: "summary.md",
  error: "error.json",
  cancel: "cancel.json",
  script: "script",
} as const;

/**
 * Names the parts of an attempt's folders, and makes `out` where the task may leave files. Temporary files go to `work`.
 * Each inode on disk matters: on ext4 making and deleting one costs 0.15 ms of CPU under load, because inodes that were
 * deleted lately are skipped one by one.
 * @param root for the files of the protocol @param space on disk, with an empty `work` in it
 */
export function makeFolderParts(root: string, space: string, leavesFiles: boolean): AttemptFolder {
  const work = `${space}/work`;
  const folder = { root, work, out: leavesFiles ? `${space}/out` : work, temporary: work, files: `${space}/files` };
  if (leavesFiles) mkdirSync(folder.out, 0o700);
  return folder;
}

const emptyInputs = new Map<string, string>();

/** A read-only file with `{}`, shared by all attempts without inputs. */
export function emptyInputsFile(cacheFolder: string): string {
  const known = emptyInputs.get(cacheFolder);
  if (known !== undefined) return known;
  const path = join(cacheFolder, "no-inputs.json");
  mkdirSync(cacheFolder, { recursive: true, mode: 0o700 });
  try {
    writeNewFile(path, "{}", 0o444);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  emptyInputs.set(cacheFolder, path);
  return path;
}

const newFileFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Writes a file that must not exist yet. No fsync: what is lost with the host ends the attempt with it. */
export function writeNewFile(path: string, content: string | Uint8Array, mode = 0o600): void {
  const fd = openSync(path, newFileFlags, mode);
  try {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    let offset = 0;
    while (offset < bytes.length) offset += writeSync(fd, bytes, offset);
  } finally {
    closeSync(fd);
  }
}

const removal = { recursive: true, force: true, maxRetries: 3, retryDelay: 50 } as const;

/** Folders that a task made unreadable for its own user would stop the removal; give them back first. */
function makeRemovable(path: string): void {
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) makeRemovable(join(path, entry.name));
}

/** Removes a folder with all in it; nothing happens where it is gone. Throws where it cannot be removed. */
export function removeFolder(path: string): void {
  try {
    rmSync(path, removal);
  } catch {
    makeRemovable(path);
    rmSync(path, removal);
  }
}

export interface Swept {
  /** Names of the folders that went. */
  readonly removed: readonly string[];
  /** What could not be removed, with the reason. */
  readonly failed: readonly { readonly path: string; readonly reason: string }[];
}

const attemptName = /^att_[0-9a-z]{26}$/;

/**
 * Removes the folders of attempts that nobody carries, but for the newest twenty of the last day, which are kept for a
 * look at a failure. At the agent's start and hourly.
 * @param workFolder where runners make the folders of attempts
 * @param held ids of attempts that are carried
 */
export function sweepAttemptFolders(workFolder: string, held: ReadonlySet<string>, nowMs: number): Swept {
  const removed: string[] = [];
  const failed: { path: string; reason: string }[] = [];
  const ended = readdirSync(workFolder)
    .filter((name) => attemptName.test(name) && !held.has(name))
    .map((name) => ({ name, atMs: lstatSync(join(workFolder, name)).ctimeMs }))
    .toSorted((a, b) => b.atMs - a.atMs);
  for (const [position, { name, atMs }] of ended.entries()) {
    if (position < keptFoldersMax && nowMs - atMs <= keptMsMax) continue;
    try {
      removeFolder(join(workFolder, name));
      removed.push(name);
    } catch (error) {
      failed.push({ path: join(workFolder, name), reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { removed, failed };
}
