// The sources of the repository as data, for tests that say what must not be in them.
import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

export interface SourceFile {
  /** Path from the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const skipped = new Set(["node_modules", "dist", ".next", "__pycache__"]);

/** All files below a folder of the repository whose name ends as given, tests left out unless asked for. */
export function sourcesBelow(
  folder: string,
  options: { ending?: RegExp; tests?: boolean } = {},
): readonly SourceFile[] {
  const ending = options.ending ?? /\.tsx?$/;
  const found: SourceFile[] = [];
  const walk = (place: string): void => {
    for (const entry of readdirSync(place, { withFileTypes: true })) {
      const path = join(place, entry.name);
      if (entry.isDirectory()) {
        if (!skipped.has(entry.name)) walk(path);
      } else if (ending.test(entry.name) && (options.tests === true || !/\.test\.tsx?$/.test(entry.name))) {
        found.push({ path: relative(root, path), text: readFileSync(path, "utf8") });
      }
    }
  };
  walk(join(root, folder));
  return found;
}

/** The text without comments, so that prose about a rule does not break it. Good enough for greps; no parser. */
export const withoutComments = (text: string): string =>
  text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/(^|[^:"'`\\])\/\/[^\n]*/g, "$1");

/** Where a pattern occurs, as `path:line: text`. */
export function occurrences(files: readonly SourceFile[], pattern: RegExp): readonly string[] {
  return files.flatMap((file) =>
    withoutComments(file.text)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${file.path}:${index + 1}: ${line.trim()}`] : [])),
  );
}
