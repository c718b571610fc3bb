// Where a runner keeps its things below the agent's data folder, and where its sockets go.
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { AppError } from "@capstan/proto";
import type { RunnerFolders } from "./carried-attempt.ts";

/** A Unix socket's path holds at most 108 bytes on Linux, 104 on macOS; longer ones are cut without an error. */
const socketPathBytesMax = 100;

export const runnerFolder = (dataDir: string): string => `${dataDir}/r`;
export const runnerRecordPath = (dataDir: string, number: number): string => `${runnerFolder(dataDir)}/${number}.json`;

export const runnerFoldersOf = (dataDir: string): RunnerFolders => ({
  work: `${dataDir}/work`,
  spool: `${dataDir}/spool`,
  cache: `${dataDir}/cache`,
  exit: `${dataDir}/exit`,
});

/** Makes a private folder for sockets: below the data folder, or in the runtime folder where that path is too long. */
export function socketPath(dataDir: string, name: string): string {
  const near = `${runnerFolder(dataDir)}/${name}`;
  if (Buffer.byteLength(near) <= socketPathBytesMax) {
    mkdirSync(runnerFolder(dataDir), { recursive: true, mode: 0o700 });
    return near;
  }
  const uid = process.getuid?.() ?? 0;
  const digest = createHash("sha256").update(dataDir).digest("hex").slice(0, 16);
  const runtime = `/run/user/${uid}`;
  const folder = `${existsSync(runtime) ? runtime : tmpdir()}/capstan-${uid}-${digest}`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Others may write to the temporary folder too: a folder that was there already must be ours alone.
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== uid || (stat.mode & 0o077) !== 0) {
    throw new AppError(
      "agent_config_invalid",
      `${folder} belongs to somebody else; choose a data folder with a shorter path`,
    );
  }
  return `${folder}/${name}`;
}
