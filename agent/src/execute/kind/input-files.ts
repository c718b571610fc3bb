// `CAPSTAN_INPUTS` and the files in it. A secret is in neither: the inputs file holds its mark, its value is a file in
// `CAPSTAN_SECRETS_DIR`, so nothing secret stays behind in a folder that is kept after a failure.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AppError, type FileValue, type JsonObject, type JsonValue } from "@capstan/proto";
import type { AttemptFolder } from "../../workspace/directory.ts";
import { copyCached } from "../../workspace/file-store.ts";
import { keptPath } from "../../workspace/kept-data.ts";
import type { ExecutorContext } from "../executor.ts";

/** A file value, or undefined for any other JSON. */
export function fileOf(value: JsonValue | undefined): FileValue["$file"] | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, "$file"))
    return undefined;
  const file = (value as JsonObject)["$file"]; // an object, as just checked
  if (typeof file !== "object" || file === null || Array.isArray(file)) return undefined;
  const { name, size, sha256, mediaType, store } = file as JsonObject; // likewise
  if (typeof name !== "string" || typeof size !== "number" || typeof sha256 !== "string") return undefined;
  return {
    name,
    size,
    sha256,
    mediaType: typeof mediaType === "string" ? mediaType : "application/octet-stream",
    ...(typeof store === "string" ? { store } : {}),
  };
}

/** A name without folders and control characters; what an older task called its file decides nothing about paths. */
function safeName(name: string): string {
  const last = name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);
  const clean = [...last]
    .filter((character) => character >= " " && character !== "\u007f")
    .join("")
    .slice(0, 120);
  return clean === "" || clean === "." || clean === ".." ? "file" : clean;
}

/** Brings the files that values name into the attempt's folder, each once. */
export class InputFiles {
  readonly #context: ExecutorContext;
  readonly #folder: AttemptFolder;
  readonly #paths = new Map<string, string>();

  constructor(context: ExecutorContext, folder: AttemptFolder) {
    this.#context = context;
    this.#folder = folder;
  }

  /** The local path of a copy that belongs to this attempt alone. @throws file_unavailable */
  async pathOf(file: FileValue["$file"]): Promise<string> {
    const key = `${file.store ?? ""}/${file.sha256}/${file.name}`;
    const known = this.#paths.get(key);
    if (known !== undefined) return known;
    let cached: string;
    try {
      cached =
        file.store === undefined
          ? await this.#context.files.download({ sha256: file.sha256, size: file.size }, this.#context.signal)
          : keptPath(this.#context, file);
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      throw new AppError("file_unavailable", `the file ${file.name} could not be fetched`, { cause });
    }
    if (this.#paths.size === 0) mkdirSync(this.#folder.files, 0o700);
    const parent = join(this.#folder.files, String(this.#paths.size));
    mkdirSync(parent, 0o700);
    const path = join(parent, safeName(file.name));
    copyCached(cached, path);
    this.#paths.set(key, path);
    return path;
  }

  /** The tree with a local `path` in each file value. */
  async withPaths(value: JsonValue): Promise<JsonValue> {
    if (typeof value !== "object" || value === null) return value;
    const file = fileOf(value);
    if (file !== undefined) return { $file: { path: await this.pathOf(file), ...file } };
    if (Array.isArray(value)) {
      const items: JsonValue[] = [];
      for (const item of value as readonly JsonValue[]) items.push(await this.withPaths(item)); // not narrowed by isArray
      return items;
    }
    const object: Record<string, JsonValue> = {};
    for (const [key, item] of Object.entries(value as JsonObject)) object[key] = await this.withPaths(item); // not an array
    return object;
  }
}

/** The file of that digest among the values that an attempt was given. */
export function givenFile(value: JsonValue, sha256: string): FileValue["$file"] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const file = fileOf(value);
  if (file?.sha256 === sha256) return file;
  const parts: readonly JsonValue[] = Array.isArray(value) ? value : Object.values(value);
  for (const part of parts) {
    const found = givenFile(part, sha256);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** True where a file value is somewhere in the tree. */
export function hasFiles(value: JsonValue | undefined): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (fileOf(value) !== undefined) return true;
  const items: readonly JsonValue[] = Array.isArray(value) ? value : Object.values(value);
  return items.some(hasFiles);
}
