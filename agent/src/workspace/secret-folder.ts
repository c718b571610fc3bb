// Where secrets lie while an attempt runs: beside its exchange files, in memory where the host has a tmpfs for them.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeNewFile } from "./directory.ts";

const secretsFolderOf = (attemptDir: string): string => join(attemptDir, "secrets");

/** Writes one 0400 file per secret and returns their folder. */
export function writeSecrets(attemptDir: string, values: ReadonlyMap<string, string>): string {
  const folder = secretsFolderOf(attemptDir);
  mkdirSync(folder, 0o700);
  for (const [key, value] of values) writeNewFile(join(folder, key), value, 0o400);
  return folder;
}

/** Removes what `writeSecrets` made; nothing happens where it is gone. */
export const removeSecrets = (attemptDir: string): void =>
  rmSync(secretsFolderOf(attemptDir), { recursive: true, force: true });
