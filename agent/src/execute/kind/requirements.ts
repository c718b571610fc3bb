// What a Python environment is made from: its requirements files with all that they include, and its wheels.
import { createHash, type Hash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { AppError } from "@capstan/proto";
import { readBeneath } from "../../workspace/open-beneath.ts";

const fileBytesMax = 4 * 1024 * 1024;
const wheelBytesMax = 512 * 1024 * 1024;
const filesMax = 50;

const wrong = (message: string): AppError => new AppError("setup_failed", `the Python environment: ${message}`);

/**
 * Hashes a requirements file and the files that it includes by `-r` and `-c`.
 * @throws setup_failed where one is missing, or names code by its path
 */
export function hashRequirements(hash: Hash, codeFolder: string, first: string): void {
  const seen = new Set<string>();
  const queue = [posix.normalize(first)];
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    if (seen.has(file)) continue;
    seen.add(file);
    if (seen.size > filesMax) throw wrong(`${first} includes more than ${filesMax} files`);
    const read = readBeneath(codeFolder, file, fileBytesMax);
    if (read.kind === "refused") throw wrong(`${file} is not in the code bundle (${read.why})`);
    hash.update(`${file}\0${read.bytes.length}\0`).update(read.bytes);
    if (!file.endsWith(".txt")) continue;
    for (const line of read.bytes.toString("utf8").split("\n")) {
      const text = line.trim();
      const included = /^(?:-r|--requirement|-c|--constraint)[ =]*(\S+)/.exec(text)?.[1];
      if (included !== undefined) {
        if (!/^https?:/.test(included)) queue.push(posix.join(posix.dirname(file), included));
      } else if (/^(?:-e|--editable)\b|^\.{0,2}\/|^file:/.test(text)) {
        throw wrong(
          `${file} names ${text.slice(0, 80)}; code of the workflow is imported as it is, wheels go into wheels`,
        );
      }
    }
  }
}

/** Hashes the wheels of a folder: of the bundle by content, of the host by name, size and time. */
export function hashWheels(hash: Hash, codeFolder: string, wheels: string): string {
  const isHost = wheels.startsWith("/");
  const folder = isHost ? wheels : join(codeFolder, wheels);
  let names: string[];
  try {
    names = readdirSync(folder).toSorted();
  } catch {
    throw wrong(isHost ? `this agent has no folder ${wheels}` : `the folder ${wheels} is not in the code bundle`);
  }
  for (const name of names) {
    if (isHost) {
      const { size, mtimeMs } = statSync(join(folder, name));
      hash.update(`${name}\0${size}\0${mtimeMs}\0`);
      continue;
    }
    const read = readBeneath(folder, name, wheelBytesMax);
    if (read.kind === "read") hash.update(`${name}\0${createHash("sha256").update(read.bytes).digest("hex")}\0`);
  }
  return folder;
}
