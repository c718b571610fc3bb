// Files between tasks, by SHA-256: a cache on local disk in front of the store that the control plane keeps.
//  F1. A file enters under its digest only after its bytes were hashed; a download with other bytes is thrown away.
//  F2. A task gets a copy (a clone where the file system can), never the cached file itself: on isolation L0 it runs
//      as our user and could write into a shared inode.
//  F3. What a task produced is read from one open descriptor, so swapping the file changes nothing.
import { createHash, randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  read,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { AppError, type FileValue } from "@capstan/proto";
import { mediaTypeOf } from "./media-type.ts";
import { openBeneath, type OpenRefusal } from "./open-beneath.ts";

/** Moves files between this host and the control plane. Survives a restart of the agent: it waits for its return. */
export interface FileTransfer {
  /**
   * Brings a file to local disk and checks its digest. Resolves to the path of a read-only copy outside the attempt's
   * folder; it must not be changed (copy or link it).
   * @throws AppError where the control plane has no such file
   */
  download(file: { readonly sha256: string; readonly size: number }, signal: AbortSignal): Promise<string>;
  /**
   * Stores a regular file under its digest; resolves when the control plane has it. `path` must be a copy that no task
   * can change any more.
   */
  upload(
    file: { readonly path: string; readonly sha256: string; readonly size: number },
    signal: AbortSignal,
  ): Promise<void>;
}

/** A file may not be larger than this (5 GiB), in bytes. */
export const fileBytesMax = 5 * 1024 ** 3;
/** Above this the least recently used files leave the cache. */
export const cacheBytesMax = 4 * 1024 ** 3;
const chunkBytes = 1024 * 1024;
const digestPattern = /^[0-9a-f]{64}$/;

export interface CachedFile {
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
}

export interface FileCache {
  /** The cached file of that digest and size, marked as used now. */
  find(sha256: string, size: number): CachedFile | undefined;
  /** Writes and hashes the bytes and keeps them under their digest. @throws file_unavailable above `bytesMax` */
  take(chunks: AsyncIterable<Uint8Array>, bytesMax: number): Promise<CachedFile>;
  /** As `take`, but other bytes than those of `sha256` are thrown away. @throws file_unavailable */
  takeChecked(
    chunks: AsyncIterable<Uint8Array>,
    expected: { readonly sha256: string; readonly size: number },
  ): Promise<CachedFile>;
  /** Removes the least recently used files until the cache is small enough; returns the bytes that went. */
  shrink(bytesMax?: number): number;
}

/** @param folder private to the agent; made if missing. Any number of processes may use it at once. */
export function openFileCache(folder: string): FileCache {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const pathOf = (sha256: string): string => {
    if (!digestPattern.test(sha256)) throw new AppError("file_unavailable", "a file value has no SHA-256 digest");
    return join(folder, sha256);
  };
  const take: FileCache["take"] = async (chunks, bytesMax) => {
    const part = join(folder, `${randomUUID()}.part`);
    const handle = await open(part, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      const hash = createHash("sha256");
      let size = 0;
      for await (const chunk of chunks) {
        size += chunk.length;
        if (size > bytesMax)
          throw new AppError(
            "file_unavailable",
            `a file is larger than the ${bytesMax} bytes that are allowed or announced`,
          );
        hash.update(chunk);
        let offset = 0;
        while (offset < chunk.length) offset += (await handle.write(chunk, offset)).bytesWritten;
      }
      await handle.close();
      const sha256 = hash.digest("hex");
      const path = pathOf(sha256);
      renameSync(part, path);
      return { path, sha256, size };
    } catch (error) {
      await handle.close().catch(() => undefined);
      rmSync(part, { force: true });
      throw error;
    }
  };
  return {
    find(sha256, size) {
      const path = pathOf(sha256);
      try {
        if (statSync(path).size !== size) return undefined;
        const now = new Date();
        utimesSync(path, now, now);
        return { path, sha256, size };
      } catch {
        return undefined;
      }
    },
    take,
    async takeChecked(chunks, expected) {
      const taken = await take(chunks, expected.size);
      if (taken.sha256 === expected.sha256) return taken;
      rmSync(taken.path, { force: true });
      throw new AppError(
        "file_unavailable",
        `the store gave other bytes: sha256 ${taken.sha256.slice(0, 12)}… instead of ${expected.sha256.slice(0, 12)}…`,
      );
    },
    shrink(bytesMax = cacheBytesMax) {
      const files = readdirSync(folder)
        .filter((name) => digestPattern.test(name))
        .map((name) => {
          const stat = statSync(join(folder, name));
          return { name, size: stat.size, usedMs: stat.mtimeMs };
        })
        .toSorted((a, b) => a.usedMs - b.usedMs);
      let total = files.reduce((sum, file) => sum + file.size, 0);
      let removed = 0;
      for (const file of files) {
        if (total <= bytesMax) break;
        unlinkSync(join(folder, file.name));
        total -= file.size;
        removed += file.size;
      }
      return removed;
    },
  };
}

/** Copies a cached file to a path that must not exist yet; a clone where the file system can. */
export const copyCached = (cached: string, path: string): void =>
  copyFileSync(cached, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);

export type KeptFile =
  | { readonly kind: "kept"; readonly path: string; readonly file: FileValue["$file"] }
  | { readonly kind: "refused"; readonly why: OpenRefusal };

/** Takes a regular file beneath `root`, which a task may have touched, into the cache. */
export async function keepFile(
  cache: FileCache,
  root: string,
  relative: string,
  bytesMax = fileBytesMax,
): Promise<KeptFile> {
  const opened = openBeneath(root, relative, bytesMax);
  if (opened.kind === "refused") return opened;
  try {
    const taken = await cache.take(chunksOf(opened.fd), bytesMax);
    const name = basename(relative);
    return {
      kind: "kept",
      path: taken.path,
      file: { name, size: taken.size, sha256: taken.sha256, mediaType: mediaTypeOf(name) },
    };
  } finally {
    closeSync(opened.fd);
  }
}

/** The content of an open descriptor, read by position without blocking the loop. */
async function* chunksOf(fd: number): AsyncGenerator<Uint8Array> {
  let position = 0;
  for (;;) {
    const bytes = Buffer.allocUnsafe(chunkBytes);
    const length = await new Promise<number>((resolve, reject) => {
      read(fd, bytes, 0, chunkBytes, position, (error, got) => (error === null ? resolve(got) : reject(error)));
    });
    if (length === 0) return;
    position += length;
    yield bytes.subarray(0, length);
  }
}
