// What may not leave: files, logs and held values of classified data, kept by the agent alone (docs/language.md, "Data
// classes").
//  S1. A store is a folder with an id. Agents that share the folder have the same id, and what one of them kept the others
//      find; everybody else does not, and the control plane places work by that id.
//  S2. Nothing in it is ever sent. It is read on the host (`capstan agent logs`, `capstan agent file`) and by tasks.
//  S3. Files of one project are not found by tasks of another.
import { randomBytes } from "node:crypto";
import { linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@capstan/proto";

export interface LocalStore {
  readonly id: string;
  /** Absolute. */
  readonly folder: string;
}

/** Where a store is unless the agent's owner says otherwise. */
export const storeFolder = (dataDir: string): string => join(dataDir, "store");
/** Log bytes of one attempt that are kept; what is more is left out with its number. */
export const keptLogBytesMax = 1024 ** 3;

export const keptLogsFolder = (store: Pick<LocalStore, "folder">): string => join(store.folder, "logs");
/** What is held of an attempt until somebody agrees. */
export const heldPath = (store: Pick<LocalStore, "folder">, attempt: string): string =>
  join(store.folder, "held", `${attempt}.json`);
export const keptFilesFolder = (store: Pick<LocalStore, "folder">, project: string): string =>
  join(store.folder, "files", /^[A-Za-z0-9_-]{1,128}$/.test(project) ? project : Buffer.from(project).toString("hex"));

const idPattern = /^st_[0-9a-f]{24}$/;

/** Opens the store in a folder; the first to do so gives it its id. @throws agent_config_invalid */
export function openLocalStore(folder: string): LocalStore {
  mkdirSync(keptLogsFolder({ folder }), { recursive: true, mode: 0o700 });
  const path = join(folder, "store-id");
  const own = join(folder, `.store-id.${randomBytes(6).toString("hex")}`);
  writeFileSync(own, `st_${randomBytes(12).toString("hex")}`, { mode: 0o600, flag: "wx" });
  try {
    linkSync(own, path); // whole or not at all, also where two agents begin at once
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    rmSync(own, { force: true });
  }
  const id = readFileSync(path, "utf8").trim();
  if (!idPattern.test(id)) throw new AppError("agent_config_invalid", `${path} holds no id of a store`);
  return { id, folder };
}

/** Removes what nobody has used for so long. Returns how many files went. */
export function sweepLocalStore(
  store: LocalStore,
  keepMs: number,
  nowMs: number,
  isHeld: (name: string) => boolean,
): number {
  let removed = 0;
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile() && !isHeld(entry.name) && nowMs - lstatSync(path).mtimeMs > keepMs) {
        rmSync(path, { force: true });
        removed++;
      }
    }
  };
  for (const name of ["logs", "files", "held"]) {
    try {
      walk(join(store.folder, name));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }
  return removed;
}
