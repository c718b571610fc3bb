// A folder in memory for what agent and tasks exchange in small files: on ext4 making and deleting three inodes took
// 5 ms under load, on a tmpfs 0.1.
//  M1. Ours alone: below /dev/shm, 0700, by user and by the agent's data folder, so that two agents never meet.
//  M2. Only small things: what a task downloads or builds lies on disk. With little room left everything does.
import { createHash } from "node:crypto";
import { accessSync, constants, lstatSync, mkdirSync, readdirSync, rmdirSync, statfsSync } from "node:fs";
import { removeFolder } from "./directory.ts";

const tmpfsMagic = 0x01021994;
const roomBytesMin = 16 * 1024 * 1024;

/** The folder of this agent, made where it is missing; undefined where the host has no tmpfs that is safe to use. */
export function memoryFolder(dataDir: string): string | undefined {
  const uid = process.getuid?.();
  if (process.platform !== "linux" || uid === undefined) return undefined;
  const digest = createHash("sha256").update(dataDir).digest("hex").slice(0, 16);
  const folder = `/dev/shm/capstan-${uid}-${digest}`;
  try {
    accessSync("/dev/shm", constants.W_OK);
    if (statfsSync("/dev/shm").type !== tmpfsMagic) return undefined;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stat = lstatSync(folder);
    return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o077) === 0 ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** True where another attempt's exchange fits for certain. */
export function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= roomBytesMin;
  } catch {
    return false; // it was removed by an agent that ended
  }
}

/** Takes the folder away where nothing is in it. */
export function removeEmptyMemory(dataDir: string): void {
  const folder = memoryFolder(dataDir);
  if (folder === undefined) return;
  try {
    rmdirSync(folder);
  } catch {
    // Another runner still carries something.
  }
}

/**
 * Removes what attempts left whose runner is dead: their secrets lie there.
 * @param isOfRunner true for the name of a folder that belongs to a runner that lives
 * @returns how many
 */
export function sweepMemory(dataDir: string, isOfRunner: (name: string) => boolean): number {
  const folder = memoryFolder(dataDir);
  if (folder === undefined) return 0;
  const orphans = readdirSync(folder).filter((name) => !isOfRunner(name));
  for (const name of orphans) removeFolder(`${folder}/${name}`);
  return orphans.length;
}
