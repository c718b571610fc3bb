// The data folder of `capstan dev`: made, checked, and never touched where it belongs to a newer version.
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@capstan/proto";
import { z } from "zod";

const freeBytesMin = 500 * 1024 * 1024;
const parts = ["log", "store", "agent", "keys", "schema"] as const;

/** Makes the folder and its parts, private to this user, ignored by git. @throws data_unwritable */
export function prepareDataFolder(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    for (const part of parts) mkdirSync(join(dataDir, part), { recursive: true, mode: 0o700 });
    chmodSync(join(dataDir, "keys"), 0o700);
    const ignore = join(dataDir, ".gitignore");
    if (!existsSync(ignore)) writeFileSync(ignore, "*\n");
  } catch (error) {
    throw new AppError(
      "data_unwritable",
      `${dataDir} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  const disk = statfsSync(dataDir);
  const free = disk.bavail * disk.bsize;
  if (free < freeBytesMin) {
    throw new AppError(
      "data_unwritable",
      `${dataDir} has ${Math.floor(free / 1_048_576)} MB free, ${freeBytesMin / 1_048_576} MB are needed`,
    );
  }
}

/** Moves an existing data folder aside, as `<name>.bak-<time>`, and says where it went. */
export function moveAside(dataDir: string, now: Date): string | undefined {
  if (!existsSync(dataDir)) return undefined;
  const aside = `${dataDir}.bak-${now.toISOString().replace(/[-:]|\.\d+/g, "")}`;
  renameSync(dataDir, aside);
  return aside;
}

const writerSchema = z.object({ version: z.string(), schema: z.int() });
/** Who wrote the data last: product version and number of the database schema. */
export type Writer = z.infer<typeof writerSchema>;

export function readWriter(dataDir: string): Writer | undefined {
  try {
    return writerSchema.parse(JSON.parse(readFileSync(join(dataDir, "version"), "utf8")));
  } catch {
    return undefined;
  }
}

export function saveWriter(dataDir: string, writer: Writer): void {
  writeFileSync(join(dataDir, "version"), JSON.stringify(writer) + "\n", { mode: 0o600 });
}

const numbers = (version: string): number[] => version.split(/[.-]/).slice(0, 3).map(Number);

/** True where version `a` is newer than `b`. */
export function isNewer(a: string, b: string): boolean {
  const [left, right] = [numbers(a), numbers(b)];
  const at = left.findIndex((part, i) => part !== right[i]);
  return at >= 0 && (left[at] ?? 0) > (right[at] ?? 0);
}

/** @throws data_newer where a newer Capstan wrote the data; nothing is touched */
export function checkWriter(dataDir: string, own: string): void {
  const writer = readWriter(dataDir);
  if (writer !== undefined && isNewer(writer.version, own)) {
    throw new AppError(
      "data_newer",
      `${dataDir} was written by ${writer.version} (schema ${writer.schema}); this is ${own}`,
      {
        evidence: { writtenBy: writer.version, schema: writer.schema, own },
      },
    );
  }
}
