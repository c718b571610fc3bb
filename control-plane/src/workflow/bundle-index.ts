// The names of the files in a stored code bundle, from its head alone: the contents are never unpacked here.
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { AppError, bundlePathsOf } from "@capstan/proto";

/** 10,000 paths of 1,024 bytes, with room for their sizes. */
const headBytesMax = 12 * 1024 * 1024;

/** @throws spec_invalid where the bytes are no code bundle */
export async function bundlePaths(file: string): Promise<ReadonlySet<string>> {
  const packed = createReadStream(file);
  const unpacked = packed.pipe(createGunzip());
  packed.on("error", (error) => unpacked.destroy(error));
  const parts: Buffer[] = [];
  let bytes = 0;
  let lines = 0;
  try {
    for await (const part of unpacked as AsyncIterable<Buffer>) {
      parts.push(part);
      bytes += part.length;
      for (const byte of part) if (byte === 10 && ++lines === 2) break;
      if (lines === 2 || bytes > headBytesMax) break;
    }
    return new Set(bundlePathsOf(Buffer.concat(parts)));
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT")
      throw new AppError("bundle_missing", "The code bundle was not uploaded.", { cause });
    throw new AppError("spec_invalid", "The uploaded code is no bundle that this version can read.", { cause });
  } finally {
    unpacked.destroy();
    packed.destroy();
  }
}
