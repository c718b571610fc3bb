// What an attempt may tell of the data that it handles, and where the rest stays.
//  K1. An output whose class keeps files local is stored in the store of this agent and nowhere else, under the name of the
//      output: what a program calls its file may say too much.
//  K2. What came from the store and leaves its class is brought to the control plane then, and not before.
import { join } from "node:path";
import { AppError, type FileValue, type JsonObject, type Residency } from "@capstan/proto";
import { openFileCache, type FileCache, type FileTransfer } from "./file-store.ts";
import { keptFilesFolder, type LocalStore } from "./local-store.ts";

export interface KeptData {
  readonly store: string;
  /** Files of the attempt's project. */
  readonly folder: string;
  readonly localFiles: ReadonlySet<string>;
  /** Outputs that are not told at all. */
  readonly withheld: ReadonlySet<string>;
}

/** Where an attempt keeps and tells its files. */
export interface FilePlaces {
  /** The agent's cache folder (0700), shared by all attempts on this host. */
  readonly cacheDir: string;
  readonly files: FileTransfer;
  /** For a version that declares data classes: what stays on this host. */
  readonly kept?: KeptData;
}

const none: ReadonlySet<string> = new Set();

export const keptOf = (store: LocalStore, project: string, residency: Residency | undefined): KeptData => ({
  store: store.id,
  folder: keptFilesFolder(store, project),
  // What is held until somebody agrees is kept like what may never leave.
  localFiles: residency === undefined ? none : new Set([...residency.localFiles, ...residency.held]),
  withheld: residency?.withheld ?? none,
});

/** Where the file of an output is put before it is told. */
export const cacheOf = (context: Pick<FilePlaces, "cacheDir" | "kept">, output: string): FileCache =>
  openFileCache(
    context.kept?.localFiles.has(output) === true ? context.kept.folder : join(context.cacheDir, "produced"),
  );

/** The path of a file that stays on an agent. @throws file_unavailable where it is not this one, or is gone */
export function keptPath({ kept }: Pick<FilePlaces, "kept">, file: FileValue["$file"]): string {
  if (file.store === undefined || file.store !== kept?.store) {
    const here = kept === undefined ? "" : `; this agent has ${kept.store}`;
    throw new AppError("file_unavailable", `the file ${file.name} stays in the store ${file.store ?? ""}${here}`);
  }
  const found = openFileCache(kept.folder).find(file.sha256, file.size);
  if (found === undefined) throw new AppError("file_unavailable", `the file ${file.name} is not in the store any more`);
  return found.path;
}

/** Tells a file that is in the cache of its output: by its place where it stays, else with its bytes. */
export async function tellFile(
  context: Pick<FilePlaces, "files" | "kept">,
  output: string,
  path: string,
  { name, size, sha256, mediaType }: FileValue["$file"],
): Promise<JsonObject> {
  const { kept } = context;
  if (kept?.localFiles.has(output) === true)
    return { $file: { name: output, size, sha256, mediaType, store: kept.store } };
  // Not the attempt's signal: its time is over once its process has ended, and this file is its result.
  await context.files.upload({ path, sha256, size }, new AbortController().signal);
  return { $file: { name, size, sha256, mediaType } };
}
