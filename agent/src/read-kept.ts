// Reading on the host what may not leave it: the log of an attempt, the bytes of a file.
import { createReadStream, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gunzipSync } from "node:zlib";
import { AppError, gapText, logCodecs, visitRecords } from "@capstan/proto";
import { SpoolReader } from "./report/spool-reader.ts";
import { heldPath, keptLogsFolder, type LocalStore } from "./workspace/local-store.ts";

const attemptPattern = /^att_[0-9a-z]{26}$/;
const digestPattern = /^[0-9a-f]{64}$/;

/** Writes what the task of an attempt wrote, secrets masked. @throws not_found */
export async function writeKeptLog(store: LocalStore, attempt: string, out: Writable): Promise<void> {
  const folder = keptLogsFolder(store);
  const epochs = readdirSync(folder)
    .filter((name) => attemptPattern.test(attempt) && name.startsWith(`${attempt}.`))
    .map((name) => Number(name.split(".")[1]));
  if (epochs.length === 0)
    throw new AppError("not_found", `the store ${store.id} in ${store.folder} has no log of the attempt ${attempt}`);
  for (const epoch of [...new Set(epochs)].toSorted((a, b) => a - b)) {
    const reader = new SpoolReader(folder, attempt, epoch);
    reader.refresh();
    for (let at = 0; ;) {
      const found = reader.at(at);
      if (found === undefined) break;
      const { segment, payload } = found;
      at += segment.rawLength + segment.gapBytes;
      if (!out.write(segment.gapBytes > 0 ? `${gapText(segment.gapBytes, 3)}\n` : plain(segment.codec, payload)))
        await new Promise((resolve) => out.once("drain", resolve));
    }
  }
}

function plain(codec: number, payload: Buffer): Buffer {
  const parts: Uint8Array[] = [];
  // The first record says when the segment began; a base above zero has it left out.
  visitRecords(codec === logCodecs.gzip ? gunzipSync(payload) : payload, 1, ({ bytes, partial }) => {
    parts.push(bytes);
    if (!partial) parts.push(Buffer.from("\n"));
    return true;
  });
  return Buffer.concat(parts);
}

/** Writes what an attempt is held back from telling until somebody agrees, as JSON. @throws not_found */
export async function writeHeld(store: LocalStore, attempt: string, out: Writable): Promise<void> {
  const path = attemptPattern.test(attempt) ? heldPath(store, attempt) : "";
  if (!existsSync(path))
    throw new AppError("not_found", `the store ${store.id} in ${store.folder} holds nothing of ${attempt}`);
  await pipeline(createReadStream(path), out, { end: false });
}

/** Writes a file by its digest, whichever project it is of. @throws not_found */
export async function writeKeptFile(store: LocalStore, sha256: string, out: Writable): Promise<void> {
  const folder = join(store.folder, "files");
  const projects = existsSync(folder) && digestPattern.test(sha256) ? readdirSync(folder) : [];
  const path = projects.map((project) => join(folder, project, sha256)).find((one) => existsSync(one));
  if (path === undefined)
    throw new AppError("not_found", `the store ${store.id} in ${store.folder} has no file ${sha256}`);
  await pipeline(createReadStream(path), out, { end: false });
}
