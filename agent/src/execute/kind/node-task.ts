// A `node` action inside the task's own process: imports a module, calls its export with the inputs, writes what it returns.
// Used by the cold program and by the warm one; it imports nothing of ours.
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { relative, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

// oxlint-disable-next-line node/no-process-env -- this is the task's process; its environment is its protocol
export const environment = process.env;

/** Secrets become their text, files keep their fields with the local path. */
function revive(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("$secret" in value && typeof value.$secret === "string") {
    return readFileSync(join(environment["CAPSTAN_SECRETS_DIR"] ?? "", value.$secret), "utf8");
  }
  return "$file" in value ? value.$file : value;
}

function event(type: string, body: Readonly<Record<string, unknown>>): void {
  const file = environment["CAPSTAN_EVENTS"];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ ...body, type })}\n`);
}

/** File and line of the first frame of a stack that lies in the bundle. */
function placeOf(error: Error, target: string): { readonly file?: string; readonly line?: number } {
  const code = environment["CAPSTAN_CODE_DIR"];
  for (const frame of (error.stack ?? "").split("\n")) {
    const match = /(file:\/\/[^\s)]+?|\/[^\s):]+):([0-9]+):[0-9]+\)?$/.exec(frame);
    if (match === null) continue;
    const [, where = "", line = "0"] = match;
    const path = where.startsWith("file:") ? fileURLToPath(where.replace(/\?.*$/, "")) : where;
    if (target.endsWith("/inline.mjs") && path === fileURLToPath(target))
      return { file: "<inline>", line: Number(line) };
    if (code !== undefined && path.startsWith(code + sep)) return { file: relative(code, path), line: Number(line) };
  }
  return {};
}

class Skip extends Error {}
class Retry extends Error {
  readonly afterMs: number | undefined;
  constructor(message = "the task asks for another try", options: { readonly afterMs?: number } = {}) {
    super(message);
    this.afterMs = options.afterMs;
  }
}

/** Calls the export and writes its outputs. @throws what it throws */
export async function runTask(target: string, exported: string): Promise<void> {
  const inputs: unknown = JSON.parse(readFileSync(environment["CAPSTAN_INPUTS"] ?? "", "utf8"), revive);
  // Bundles of the authoring package carry maps: a failure is told in the author's file and line.
  process.setSourceMapsEnabled(true);
  const module = (await import(target)) as Readonly<Record<string, unknown>>; // a module's namespace
  const call = module[exported];
  if (typeof call !== "function") throw new TypeError(`the module has no function named ${exported}`);
  const result: unknown = await call({
    input: inputs,
    env: environment,
    outDir: environment["CAPSTAN_OUT_DIR"],
    progress: (done: number, total?: number, text?: string) => event("progress", { done, total, text }),
    metric: (name: string, value: number, unit?: string) => event("metric", { name, value, unit }),
    note: (text: string, level = "info") => event("note", { level, text }),
    file: (name: string) => ({ $file: name }),
    Retry,
    Skip,
  });
  if (result === undefined || result === null) return;
  const names = (environment["CAPSTAN_OUTPUT_NAMES"] ?? "").split(",").filter((name) => name !== "");
  const [only] = names;
  const isRecord = typeof result === "object" && !Array.isArray(result) && !("$file" in result);
  if (!isRecord && (names.length !== 1 || only === undefined)) {
    throw new TypeError(`the function returned no object; with ${names.length} declared outputs it has to`);
  }
  writeFileSync(environment["CAPSTAN_OUTPUTS"] ?? "", JSON.stringify(isRecord ? result : { [only ?? ""]: result }));
}

/** Tells what was thrown, in the log and in the error file. @returns the exit code that says the same */
export function tellThrown(thrown: unknown, target: string): number {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  if (error instanceof Skip) {
    console.error(`skipped: ${error.message}`);
    return 77;
  }
  const retry = error instanceof Retry;
  console.error(retry ? `asks for another try: ${error.message}` : (error.stack ?? error.message));
  const word = retry
    ? { retryable: true, ...(error.afterMs === undefined ? {} : { retryAfterMs: error.afterMs }) }
    : {};
  const type = error.name === "Error" ? error.constructor.name : error.name;
  const body = { type, message: error.message.slice(0, 8000), ...placeOf(error, target), ...word };
  const file = environment["CAPSTAN_ERROR"];
  if (file !== undefined) writeFileSync(file, JSON.stringify(body));
  return retry ? 75 : 1;
}
