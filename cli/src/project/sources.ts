// Which workflow files a path means, and which code goes with them.
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { AppError, sourceOfCanonical, workflowBytesMax, type BundleFile, type Problem } from "@capstan/proto";
import { parse } from "yaml";
import { atAuthor, shownPath, type BuiltSource, type Place } from "./front-end.ts";
import { readOnce } from "./read-once.ts";

export interface WorkflowSource {
  readonly path: string;
  /** Relative to where the command was given, for messages. */
  readonly file: string;
  /** The document: as it was written, or as the program that it is gives it. */
  readonly source: string;
  /** What is wrong with the program; the document is empty then. */
  readonly problems: readonly Problem[];
  /** JSON pointer → place, where the document was built by a program. */
  readonly places: Readonly<Record<string, Place>>;
  /** Files that the build adds to the code. */
  readonly bundled: readonly BundleFile[];
  /** The folder of its code, where an action names some. */
  readonly codeRoot: string | undefined;
  /** Patterns of `code.include` and `code.exclude`. */
  readonly include: readonly string[] | undefined;
  readonly exclude: readonly string[];
}

/** Folders that hold no workflow and no code of an author. */
export const skippedFolders: ReadonlySet<string> = new Set(["node_modules", "__pycache__", "venv"]);
/** Nobody writes a workflow of this size; up to here the checker itself says that a file is too large, with its code. */
const sourceBytesMax = 16 * 1024 * 1024;
const isYaml = (name: string): boolean => /\.ya?ml$/.test(name);
/** A workflow that is a program, where it lies below a folder `workflows`. Names with `_` are for what they share. */
const isProgram = (name: string): boolean => /^[^_].*\.(?:ts|py)$/.test(name) && !/\.(?:d|test)\.ts$/.test(name);

function* workflowsBelow(folder: string, depth = 0): Generator<string> {
  if (depth > 12) return;
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith(".") || skippedFolders.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* workflowsBelow(path, depth + 1);
    else if (entry.isFile() && (isYaml(entry.name) || (isProgram(entry.name) && isInWorkflows(resolve(path)))))
      yield path;
  }
}

const isInWorkflows = (path: string): boolean => dirname(path).split(sep).includes("workflows");

/**
 * The workflow files that a path means: the file itself, or those of a folder. Where some lie below a folder
 * `workflows`, only those count, because a repository has YAML for many purposes.
 * @throws file_unreadable
 */
export function workflowFiles(path: string): string[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new AppError("file_unreadable", `${path} does not exist`);
  const real = realpathSync(path);
  if (!found.isDirectory() && !lstatSync(real).isDirectory()) return [path];
  const all = [...workflowsBelow(path)];
  const inWorkflows = all.filter((file) => isInWorkflows(resolve(file)));
  return inWorkflows.length > 0 ? inWorkflows : all;
}

type Plain = Readonly<Record<string, unknown>>;
const isPlain = (value: unknown): value is Plain =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const valuesOf = (value: unknown): unknown[] => (isPlain(value) ? Object.values(value) : []);

/** True where an action names a file or a function of the author's. */
function usesCode(action: unknown): boolean {
  if (!isPlain(action)) return false;
  const { python, node, run } = action;
  if (typeof python === "string" || typeof node === "string") return true;
  if (isPlain(python) && (python["call"] !== undefined || python["file"] !== undefined)) return true;
  // An `entry` is in the bundle that the build adds by itself.
  if (isPlain(node) && node["file"] !== undefined) return true;
  return isPlain(run) && run["file"] !== undefined;
}

interface Code {
  readonly root?: unknown;
  readonly include?: unknown;
  readonly exclude?: unknown;
}

const texts = (value: unknown): string[] | undefined =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : undefined;

function usualRoot(path: string): string {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "capstan.toml"))) return folder;
    if (basename(folder) === "workflows") return dirname(folder);
    if (dirname(folder) === folder) return dirname(path);
  }
}

/** A document as it is written; a text that is no YAML is nothing, and the checker tells about it. */
function writtenForm(source: string, file: string): unknown {
  const { document } = readOnce(source, file);
  if (document !== undefined) return sourceOfCanonical(document);
  try {
    return parse(source, { merge: false, maxAliasCount: 100, logLevel: "silent" });
  } catch {
    return undefined;
  }
}

/** What a document says about its code. */
function codeOf(path: string, source: string, file: string): Pick<WorkflowSource, "codeRoot" | "include" | "exclude"> {
  const document = writtenForm(source, file);
  if (!isPlain(document)) return { codeRoot: undefined, include: undefined, exclude: [] };
  const actions = [...valuesOf(document["tasks"]), ...valuesOf(document["hooks"]).flat()];
  const code: Code = isPlain(document["code"]) ? document["code"] : {};
  const isNeeded = actions.some(usesCode) || document["code"] !== undefined;
  const root = typeof code.root === "string" ? resolve(dirname(path), code.root) : usualRoot(path);
  return { codeRoot: isNeeded ? root : undefined, include: texts(code.include), exclude: texts(code.exclude) ?? [] };
}

/** Text of a file. A byte that is no UTF-8 would be stored as another one: it is refused instead. */
function readText(path: string, shown: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new AppError("file_unreadable", `${shown} is no UTF-8 text; save it in that encoding`, { cause: error });
  }
}

/** A program is run; text is taken as it is. */
async function built(path: string, text: string, cwd: string): Promise<BuiltSource> {
  if (path.endsWith(".ts")) return (await import("./typescript-source.ts")).buildTypeScript(path, usualRoot(path), cwd);
  if (path.endsWith(".py")) return (await import("./python-source.ts")).buildPython(path, usualRoot(path), cwd);
  return { text, places: {}, problems: [], bundled: [] };
}

async function readSource(path: string, cwd: string): Promise<WorkflowSource> {
  const file = shownPath(path, cwd);
  const size = lstatSync(realpathSync(path)).size;
  if (size > sourceBytesMax)
    throw new AppError("file_unreadable", `${file} has ${size} bytes; a workflow file has at most ${sourceBytesMax}`);
  const { text: source, ...rest } = await built(path, readText(path, file), cwd);
  const code = codeOf(path, source, file);
  return { path, file, source, ...rest, ...code };
}

const atOnceMax = 4;

/**
 * Reads the workflow files of some paths, each once; those that are programs are run.
 * @throws file_unreadable for a path that is not there, a file above 16 MiB, or one that is no UTF-8
 */
export async function readSources(paths: readonly string[], cwd: string): Promise<WorkflowSource[]> {
  const files = [...new Set(paths.flatMap((path) => workflowFiles(resolve(cwd, path))))];
  const sources: WorkflowSource[] = [];
  for (let at = 0; at < files.length; at += atOnceMax)
    sources.push(...(await Promise.all(files.slice(at, at + atOnceMax).map((path) => readSource(path, cwd)))));
  return sources;
}

/** True for a source that no request could carry: a program that failed, or a text that is too large. */
export const isRefused = ({ source, problems }: WorkflowSource): boolean =>
  problems.length > 0 || Buffer.byteLength(source) > workflowBytesMax;

/** What the checker says of a source, at the author's places. */
export const problemsOf = ({ source, file, problems, places }: WorkflowSource, cwd: string): readonly Problem[] =>
  problems.length > 0 ? problems : readOnce(source, file).problems.map((problem) => atAuthor(problem, places, cwd));

/** What a command says where there is nothing to read. */
export const noSources = (): AppError =>
  new AppError(
    "file_unreadable",
    "there are no workflow files (*.yaml, workflows/*.ts, workflows/*.py) in these folders",
  );
