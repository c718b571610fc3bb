// `.gitignore` and `.capstanignore`, as far as they decide what goes into a code bundle.
import { existsSync, readFileSync } from "node:fs";
import { join, matchesGlob } from "node:path";

interface Rule {
  readonly patterns: readonly string[];
  readonly isFolderOnly: boolean;
  readonly isAgain: boolean;
}

/** One line of an ignore file as globs over the path from the file's folder; undefined for blanks and comments. */
function parseRule(line: string): Rule | undefined {
  const text = line.replace(/(?<!\\)\s+$/, "");
  if (text === "" || text.startsWith("#")) return undefined;
  const isAgain = text.startsWith("!");
  const bare = (isAgain ? text.slice(1) : text).replace(/^\\/, "");
  const isFolderOnly = bare.endsWith("/");
  const body = isFolderOnly ? bare.slice(0, -1) : bare;
  const isAnchored = body.includes("/");
  const glob = body.replace(/^\//, "");
  return { patterns: isAnchored ? [glob] : [glob, `**/${glob}`], isFolderOnly, isAgain };
}

export interface IgnoreRules {
  /** Whether a path below the folder is left out; folders end the search below them. */
  ignores(path: string, isFolder: boolean): boolean;
}

/** The rules of some ignore files' texts, the last matching one deciding. */
export function ignoreRules(texts: readonly string[]): IgnoreRules {
  const rules = texts.flatMap((text) => text.split(/\r?\n/)).flatMap((line) => parseRule(line) ?? []);
  return {
    ignores: (path, isFolder) => {
      let isIgnored = false;
      for (const rule of rules) {
        if (rule.isFolderOnly && !isFolder) continue;
        if (rule.patterns.some((pattern) => matchesGlob(path, pattern))) isIgnored = !rule.isAgain;
      }
      return isIgnored;
    },
  };
}

/** The rules of a folder's own ignore files. */
export function readIgnoreRules(folder: string): IgnoreRules {
  const files = [".gitignore", ".capstanignore"].map((name) => join(folder, name)).filter((path) => existsSync(path));
  return ignoreRules(files.map((path) => readFileSync(path, "utf8")));
}
