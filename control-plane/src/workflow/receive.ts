// Bytes of a request into the store: hashed as they arrive, seen under their name only when whole and on disk.
import { createHash, randomBytes } from "node:crypto";
import { constants, mkdir, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { AppError } from "@capstan/proto";

export interface Received {
  readonly sizeBytes: number;
}

/**
 * Writes `source` to `target`, mode 0600, where its SHA-256 is the expected one; otherwise nothing stays.
 * @throws body_too_large hash_mismatch
 */
export async function receive(
  source: AsyncIterable<Buffer>,
  target: string,
  expected: { readonly sha256: string; readonly bytesMax: number },
): Promise<Received> {
  await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
  const draft = `${target}.${randomBytes(6).toString("hex")}`;
  const handle = await open(
    draft,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    const hash = createHash("sha256");
    let sizeBytes = 0;
    for await (const chunk of source) {
      sizeBytes += chunk.length;
      if (sizeBytes > expected.bytesMax) {
        throw new AppError(
          "body_too_large",
          `The body is larger than ${Math.floor(expected.bytesMax / 1_048_576)} MiB.`,
        );
      }
      hash.update(chunk);
      await handle.writeFile(chunk);
    }
    const found = hash.digest("hex");
    if (found !== expected.sha256)
      throw new AppError("hash_mismatch", `The ${sizeBytes} bytes have SHA-256 ${found}, not ${expected.sha256}.`);
    await handle.sync();
    await handle.close();
    await rename(draft, target);
    return { sizeBytes };
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(draft, { force: true });
    throw error;
  }
}
