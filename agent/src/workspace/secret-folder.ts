// Where secrets lie while an attempt runs: in memory where the host has a tmpfs for it, else beside the attempt.
import { accessSync, constants, lstatSync, mkdirSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { writeNewFile } from "./directory.ts";

const tmpfsMagic = 0x01021994;

/** `/dev/shm/capstan-<uid>`, ours alone, or undefined where there is no tmpfs or somebody else made the name. */
function memoryFolder(): string | undefined {
  const uid = process.getuid?.();
  if (process.platform !== "linux" || uid === undefined) return undefined;
  const folder = `/dev/shm/capstan-${uid}`;
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

let found: { readonly folder: string | undefined } | undefined;

/** Where the secrets of an attempt are or would be. @param name `attempt.epoch` @param attemptDir for hosts without a tmpfs */
export function secretsFolderOf(name: string, attemptDir: string): string {
  found ??= { folder: memoryFolder() };
  return found.folder === undefined ? join(attemptDir, "secrets") : join(found.folder, name);
}

/** Writes one 0400 file per secret and returns their folder. Parameters as above. */
export function writeSecrets(name: string, attemptDir: string, values: ReadonlyMap<string, string>): string {
  const folder = secretsFolderOf(name, attemptDir);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, 0o700);
  for (const [key, value] of values) writeNewFile(join(folder, key), value, 0o400);
  return folder;
}

/** Removes a folder that `writeSecrets` made; nothing happens where it is gone. */
export const removeSecrets = (folder: string): void => rmSync(folder, { recursive: true, force: true });

/** Removes what attempts left that nobody carries any more. @param held ids of attempts @returns how many */
export function sweepSecrets(held: ReadonlySet<string>): number {
  const folder = memoryFolder();
  if (folder === undefined) return 0;
  const orphans = readdirSync(folder).filter((name) => !held.has(name.slice(0, name.indexOf("."))));
  for (const name of orphans) rmSync(join(folder, name), { recursive: true, force: true });
  return orphans.length;
}
