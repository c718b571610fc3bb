// Code bundles, unpacked once per digest and shared by all attempts that need them.
//  B1. A folder under the digest's name is whole: it is filled under another name and renamed into place.
//  B2. Files are read-only; an attempt that runs as our user could still change them, so interpreters write no caches.
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { AppError, bundleUnpackedBytesMax, decodeBundle, type BundleFile } from "@capstan/proto";
import { writeNewFile } from "./directory.ts";

const ready = new Set<string>();

/**
 * The folder of an unpacked bundle.
 * @param packed its gzip bytes on local disk, whose SHA-256 was checked
 * @throws setup_failed where it is no bundle
 */
export function unpackBundle(cacheFolder: string, packed: { readonly path: string; readonly sha256: string }): string {
  const folder = join(cacheFolder, "code", packed.sha256);
  if (ready.has(folder)) return folder;
  if (!existsSync(folder)) {
    let files: readonly BundleFile[];
    try {
      files = decodeBundle(gunzipSync(readFileSync(packed.path), { maxOutputLength: bundleUnpackedBytesMax }));
    } catch (cause) {
      throw new AppError("setup_failed", `the code bundle ${packed.sha256.slice(0, 12)}… cannot be unpacked`, {
        cause,
      });
    }
    const made = join(cacheFolder, "code", `${randomUUID()}.part`);
    mkdirSync(made, { recursive: true, mode: 0o700 });
    const folders = new Set<string>();
    for (const file of files) {
      const path = join(made, file.path);
      const parent = dirname(path);
      if (!folders.has(parent)) mkdirSync(parent, { recursive: true, mode: 0o755 });
      folders.add(parent);
      writeNewFile(path, file.content, file.executable ? 0o555 : 0o444);
    }
    try {
      renameSync(made, folder);
    } catch (error) {
      rmSync(made, { recursive: true, force: true });
      if (!existsSync(folder)) throw error; // else another runner was faster with the same bytes
    }
  }
  ready.add(folder);
  return folder;
}
