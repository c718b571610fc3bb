import { createWriteStream, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError } from "@capstan/proto";

/** Writes bytes into a file that is not there yet, and the folders above it. @throws file_unreadable */
export async function writeNewFile(file: string, body: ReadableStream<Uint8Array> | null): Promise<void> {
  try {
    mkdirSync(dirname(file), { recursive: true });
    await pipeline(Readable.from(body ?? []), createWriteStream(file, { flags: "wx" }));
  } catch (error) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
    const why = isThere ? "it is there already" : error instanceof Error ? error.message : String(error);
    throw new AppError("file_unreadable", `${file} cannot be written: ${why}`, { cause: error });
  }
}
