// From what a program wrote to the outputs of its task run. Everything here was in the hands of the task.
import { closeSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  checkOutputs,
  inlineValueBytesMax,
  type Failure,
  type FileValue,
  type JsonObject,
  type JsonValue,
  type ValueDeclaration,
} from "@capstan/proto";
import { exchange, type AttemptFolder } from "../../workspace/directory.ts";
import { keepFile, type FileCache, type KeptFile } from "../../workspace/file-store.ts";
import { cacheOf, keptPath, tellFile } from "../../workspace/kept-data.ts";
import { openBeneath, readBeneath, relativeParts, type OpenRefusal } from "../../workspace/open-beneath.ts";
import type { ExecutorContext } from "../executor.ts";
import { failure } from "./failure.ts";
import { givenFile } from "./input-files.ts";
import { parseOutputs } from "./outputs-text.ts";

export type CollectedOutputs =
  | { readonly kind: "outputs"; readonly outputs: JsonObject }
  | { readonly kind: "failed"; readonly failure: Failure };

const fail = (code: "output_invalid" | "output_missing" | "output_too_large", message: string): CollectedOutputs => ({
  kind: "failed",
  failure: failure("output", code, message),
});

const refusalText: Readonly<Record<OpenRefusal, string>> = {
  missing: "does not exist",
  not_regular: "is not a regular file",
  outside: "is reached through a link or leaves the folder",
  too_large: "is too large",
  foreign_owner: "belongs to another user",
  unreadable: "cannot be read",
};

const tooLarge =
  "the outputs are larger than 256 KiB; write large values to a file in $CAPSTAN_OUT_DIR and declare it as file";

/** Reads, types and stores the outputs of a program that ended with 0. @throws what an upload throws */
export async function collectOutputs(context: ExecutorContext, folder: AttemptFolder): Promise<CollectedOutputs> {
  const declared = context.task.outputs ?? {};
  const file = readBeneath(folder.root, exchange.outputs, inlineValueBytesMax);
  let written: JsonObject = {};
  if (file.kind === "read") {
    const parsed = parseOutputs(file.bytes.toString("utf8"), declared);
    if (parsed.kind === "invalid") return fail("output_invalid", parsed.message);
    written = parsed.values;
  } else if (file.why === "too_large") {
    return fail("output_too_large", tooLarge);
  } else if (file.why !== "missing") {
    return fail("output_invalid", `the outputs file ${refusalText[file.why]}`);
  }
  return await storeOutputs(context, folder, written);
}

/** Stores the files that values name, and checks the types. */
async function storeOutputs(
  context: ExecutorContext,
  folder: AttemptFolder,
  written: JsonObject,
): Promise<CollectedOutputs> {
  const values: Record<string, JsonValue> = { ...written };
  for (const [name, declaration] of Object.entries(context.task.outputs ?? {})) {
    const value = Object.hasOwn(written, name) ? written[name] : undefined;
    if (!needsFiles(value, declaration)) continue;
    const found = await withStoredFiles(value, declaration, name, {
      context,
      folder,
      cache: cacheOf(context, name),
      output: name,
    });
    if (found.kind === "failed") return found;
    if (found.value !== undefined) values[name] = found.value;
  }
  return checkedOutputs(context, values);
}

/** Values whose files are stored, against what the task declares and its action gives. */
export function checkedOutputs(context: ExecutorContext, values: JsonObject): CollectedOutputs {
  const { withheld } = context.kept ?? {};
  const told =
    withheld === undefined || withheld.size === 0
      ? values
      : Object.fromEntries(Object.entries(values).filter(([name]) => !withheld.has(name)));
  const { outputs, problems, dropped } = checkOutputs(context.task, told);
  if (dropped.length > 0) context.note(`warning: undeclared outputs are dropped: ${dropped.slice(0, 20).join(", ")}`);
  const [problem] = problems;
  if (problem === undefined) return { kind: "outputs", outputs };
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return fail(problem.code, problem.detail + more);
}

interface FilePlaces {
  /** The output that the file is of, or in. */
  readonly output: string;
  readonly context: ExecutorContext;
  readonly folder: AttemptFolder;
  readonly cache: FileCache;
}

type WithFiles =
  | { readonly kind: "value"; readonly value: JsonValue | undefined }
  | Extract<CollectedOutputs, { kind: "failed" }>;

/** `{ "$file": "name" }` as a program writes it; undefined for everything else. */
const producedName = (value: JsonValue | undefined): string | undefined => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const name = (value as JsonObject)["$file"]; // an object, as just checked
  return typeof name === "string" ? name : undefined;
};

/** True where a file has to be stored, or a file value needs a look. Types without files inside are not walked. */
function needsFiles(value: JsonValue | undefined, declaration: ValueDeclaration): boolean {
  if (declaration.type === "file") return true;
  if (declaration.type !== "object" && declaration.type !== "array") return false;
  return value !== undefined && JSON.stringify(value).includes('"$file"');
}

async function withStoredFiles(
  value: JsonValue | undefined,
  declaration: ValueDeclaration | undefined,
  place: string,
  places: FilePlaces,
): Promise<WithFiles> {
  if (value === undefined && declaration?.path !== undefined)
    return await storeMatch(declaration.path, declaration, place, places);
  const name = typeof value === "string" && declaration?.type === "file" ? value : producedName(value);
  if (name !== undefined) return await storeOne(name, declaration, place, places);
  if (typeof value !== "object" || value === null) return { kind: "value", value };
  const given = givenBefore(value, places);
  if (given !== undefined) return { kind: "value", value: await passOn(value, given, places) };
  if (Object.hasOwn(value, "$file")) {
    return {
      kind: "failed",
      failure: failure(
        "output",
        "output_invalid",
        `the output ${place} names a file that neither the inputs nor $CAPSTAN_OUT_DIR hold`,
      ),
    };
  }
  const entries: Record<string, JsonValue> = {};
  for (const [key, item] of Object.entries(value as JsonObject)) {
    // a list is walked by its indexes
    const inner = Array.isArray(value) ? declaration?.items : declaration?.properties?.[key];
    const found = await withStoredFiles(
      item,
      inner,
      Array.isArray(value) ? `${place}[${key}]` : `${place}.${key}`,
      places,
    );
    if (found.kind === "failed") return found;
    if (found.value !== undefined) entries[key] = found.value;
  }
  return { kind: "value", value: Array.isArray(value) ? Object.values(entries) : entries };
}

/** A whole file value that came in with the inputs may be passed on; one that was made up may not. */
function givenBefore(value: JsonValue, places: FilePlaces): FileValue["$file"] | undefined {
  const sha256 =
    typeof value === "object" && value !== null ? (value as { $file?: { sha256?: unknown } }).$file?.sha256 : undefined; // only read
  return typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256)
    ? givenFile(places.context.attempt.inputs, sha256)
    : undefined;
}

/** One that stays on this agent goes on staying there, unless its new output has left the class. */
async function passOn(value: JsonValue, given: FileValue["$file"], places: FilePlaces): Promise<JsonValue> {
  if (given.store === undefined) return value;
  return await tellFile(places.context, places.output, keptPath(places.context, given), given);
}

async function storeOne(
  name: string,
  declaration: ValueDeclaration | undefined,
  place: string,
  places: FilePlaces,
): Promise<WithFiles> {
  const { folder, cache } = places;
  // An absolute path is welcome where it lies in one of the two folders; a bare name is looked for in both.
  const bases: (readonly [string, string])[] = [];
  for (const base of [folder.out, folder.work]) {
    if (name.startsWith(`${base}/`)) bases.push([base, name.slice(base.length + 1)]);
    else if (!name.startsWith("/")) bases.push([base, name]);
  }
  let kept: KeptFile = { kind: "refused", why: "outside" };
  for (const [base, relative] of bases) {
    kept = await keepFile(cache, base, relative, declaration?.maxSize);
    if (kept.kind === "kept" || kept.why !== "missing") break;
  }
  return await stored(kept, name, declaration, place, places);
}

async function stored(
  kept: KeptFile,
  name: string,
  declaration: ValueDeclaration | undefined,
  place: string,
  places: FilePlaces,
): Promise<WithFiles> {
  if (kept.kind === "refused") {
    const message = `the output ${place}: the file ${JSON.stringify(name.slice(0, 200))} ${refusalText[kept.why]}`;
    return {
      kind: "failed",
      failure: failure("output", kept.why === "missing" ? "output_missing" : "output_invalid", message),
    };
  }
  const file: FileValue["$file"] =
    declaration?.mediaType === undefined ? kept.file : { ...kept.file, mediaType: declaration.mediaType };
  return { kind: "value", value: await tellFile(places.context, places.output, kept.path, file) };
}

/** The one regular file in the work folder that a pattern matches. */
async function storeMatch(
  pattern: string,
  declaration: ValueDeclaration,
  place: string,
  places: FilePlaces,
): Promise<WithFiles> {
  const parts = relativeParts(pattern);
  if (parts === undefined)
    return {
      kind: "failed",
      failure: failure("output", "output_invalid", `the output ${place} has a path that leaves the work folder`),
    };
  const matches = matchesOf(places.folder.work, parts);
  const [match, second] = matches;
  if (match === undefined)
    return declaration.optional === true
      ? { kind: "value", value: undefined }
      : {
          kind: "failed",
          failure: failure("output", "output_missing", `the output ${place}: no file matches ${pattern}`),
        };
  if (second !== undefined)
    return {
      kind: "failed",
      failure: failure(
        "output",
        "output_invalid",
        `the output ${place}: more than one file matches ${pattern}: ${match}, ${second}`,
      ),
    };
  return await stored(
    await keepFile(places.cache, places.folder.work, match, declaration.maxSize),
    match,
    declaration,
    place,
    places,
  );
}

const matchesMax = 2;
const entriesMax = 100_000;

/** Up to two files that match, segment by segment with `*`, `?` and `**`; links are not entered. */
function matchesOf(root: string, pattern: readonly string[]): readonly string[] {
  const matches: string[] = [];
  let seen = 0;
  const walk = (relative: string, at: number): void => {
    const part = pattern[at];
    if (part === undefined || matches.length >= matchesMax) return;
    if (part === "**") walk(relative, at + 1);
    const expression = new RegExp(
      `^${[...part]
        .map((c) => (c === "*" ? "[^/]*" : c === "?" ? "[^/]" : c.replace(/[^A-Za-z0-9_]/, "\\$&")))
        .join("")
        .replaceAll("[^/]*[^/]*", "[^/]*")}$`,
    );
    for (const entry of readdirSync(join(root, relative), { withFileTypes: true })) {
      if (++seen > entriesMax || matches.length >= matchesMax) return;
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (part === "**") {
        if (entry.isDirectory()) walk(path, at);
      } else if (expression.test(entry.name)) {
        if (at === pattern.length - 1) {
          if (entry.isFile() && !matches.includes(path) && opens(root, path)) matches.push(path);
        } else if (entry.isDirectory()) walk(path, at + 1);
      }
    }
  };
  walk("", 0);
  return matches;
}

function opens(root: string, path: string): boolean {
  const opened = openBeneath(root, path, Number.MAX_SAFE_INTEGER);
  if (opened.kind === "open") closeSync(opened.fd);
  return opened.kind === "open";
}
