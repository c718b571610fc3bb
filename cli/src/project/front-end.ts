// Workflows that are programs: run in a process of their own on the author's machine, they give a document.
//  F1. The document comes by a file, so whatever the program prints is its own affair.
//  F2. A program has a time limit, and what it throws is a problem with file, line and column, as any other.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { BundleFile, Problem } from "@capstan/proto";
import { z } from "zod";
import { packageFolder } from "../dev/package-path.ts";

export const placeSchema = z.object({ file: z.string(), line: z.number(), column: z.number() });
export type Place = z.infer<typeof placeSchema>;

export const builtSchema = z.object({
  document: z.record(z.string(), z.unknown()),
  places: z.record(z.string(), placeSchema),
});

/** What a program gave. Without a document there is at least one problem. */
export interface BuiltSource {
  /** What a YAML file would hold, as JSON. */
  readonly text: string;
  /** JSON pointer → place in the author's files. */
  readonly places: Readonly<Record<string, Place>>;
  readonly problems: readonly Problem[];
  /** Files that the build adds to the code bundle. */
  readonly bundled: readonly BundleFile[];
}

export const documentText = (document: unknown): string => `${JSON.stringify(document, null, 2)}\n`;

/** A program that gave no document. */
export const refused = (problems: readonly Problem[]): BuiltSource => ({ text: "", places: {}, problems, bundled: [] });

const timeoutMs = 30_000;
const printedMax = 16 * 1024 * 1024;

export interface Ended {
  readonly status: number | null;
  readonly isLate: boolean;
  readonly printed: string;
  readonly errors: string;
}

/** Runs a program to its end; never throws for what it does. */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly input?: string },
): Promise<Ended> {
  // oxlint-disable-next-line node/no-process-env -- the author's own program, in the author's own environment
  const { NODE_OPTIONS: _, ...environment } = process.env;
  const child = spawn(command, [...args], {
    cwd: options.cwd,
    env: { ...environment, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined); // it may not read what it is given
  child.stdin.end(options.input ?? "");
  const kept = { printed: "", errors: "" };
  const keep = (name: "printed" | "errors") => (text: string) => {
    kept[name] = (kept[name] + text).slice(-printedMax);
  };
  child.stdout.setEncoding("utf8").on("data", keep("printed"));
  child.stderr.setEncoding("utf8").on("data", keep("errors"));
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  const status = await new Promise<number | null>((resolve) => {
    child.on("error", (error) => {
      kept.errors += error.message;
      resolve(null);
    });
    child.on("close", resolve);
  });
  clearTimeout(timer);
  return { status, isLate, ...kept };
}

/** The sentence for a program that ended without a document. */
export function endedWithout(ended: Ended, what: string): string {
  if (ended.isLate) return `${what} did not end within ${timeoutMs / 1000} s`;
  const last = ended.errors.trim().split("\n").at(-1) ?? "";
  if (ended.status !== 0)
    return `${what} ended with exit code ${ended.status ?? "none"}${last === "" ? "" : `: ${last}`}`;
  const [first = ""] = ended.printed.trim().split("\n");
  return `${what} declares no workflow${first === "" ? "" : `; it printed ${JSON.stringify(first.slice(0, 80))}`}`;
}

/** A folder for the time of a build. */
export async function inTemporaryFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "capstan-build-"));
  try {
    return await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a program wrote, or undefined where it wrote nothing that is JSON. */
export function readOutcome(path: string): unknown {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

const runsFromSource = import.meta.url.endsWith(".ts");
/** A program of the authoring package, by its name without ending. */
export const sdkProgram = (name: string): string =>
  join(packageFolder("@capstan/sdk"), runsFromSource ? "src" : "dist", `${name}${runsFromSource ? ".ts" : ".js"}`);
export const sdkPython = (): string => join(packageFolder("@capstan/sdk"), "python");
/** True for files of ours: a mistake is where the author called them. */
export const isOurs = (file: string): boolean =>
  file.includes("/node_modules/") ||
  file.startsWith(packageFolder("@capstan/sdk") + "/src") ||
  file.startsWith(packageFolder("@capstan/sdk") + "/dist") ||
  file.startsWith(sdkPython());

/** A path as messages show it. */
export const shownPath = (file: string, cwd: string): string => {
  const path = relative(cwd, file);
  return path.startsWith("..") ? file : path;
};

/** A problem at its place in the author's files, or at the nearest part of the document that has one. */
export function atAuthor<T extends { readonly pointer?: string | undefined; readonly line?: number | undefined }>(
  problem: T,
  places: Readonly<Record<string, Place>>,
  cwd: string,
): T {
  if (Object.keys(places).length === 0) return problem;
  for (let pointer = problem.pointer ?? ""; ; pointer = pointer.slice(0, pointer.lastIndexOf("/"))) {
    const place = places[pointer];
    if (place !== undefined)
      return { ...problem, file: shownPath(place.file, cwd), line: place.line, column: place.column };
    if (pointer === "") return problem;
  }
}
