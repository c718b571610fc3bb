// The code bundle: the files of an author's folder that agents may need, packed once per folder.
//  B1. Regular files only: no link is followed, so nothing outside the folder travels.
//  B2. Equal files give equal bytes, so an unchanged bundle is not sent again.
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync, readdirSync } from "node:fs";
import { join, matchesGlob } from "node:path";
import { gzipSync } from "node:zlib";
import { AppError, bundleBytesMax, bundleFilesMax, encodeBundle, type BundleFile } from "@capstan/proto";
import { readIgnoreRules, type IgnoreRules } from "./ignore.ts";
import { skippedFolders } from "./sources.ts";

export interface Bundle {
  readonly sha256: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly files: readonly string[];
}

const usualFiles = ["**/*.{py,sql,sh,ps1,js,mjs}", "**/requirements*.txt", "**/pyproject.toml", "**/uv.lock"] as const;

function* walk(
  root: string,
  folder: string,
  rules: readonly { base: string; rules: IgnoreRules }[],
): Generator<string> {
  const here = [...rules, { base: folder, rules: readIgnoreRules(join(root, folder)) }];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (entry.name.startsWith(".") || skippedFolders.has(entry.name)) continue;
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    const isFolder = entry.isDirectory();
    if (here.some(({ base, rules: own }) => own.ignores(base === "" ? path : path.slice(base.length + 1), isFolder)))
      continue;
    if (isFolder) yield* walk(root, path, here);
    else if (entry.isFile()) yield path;
  }
}

function readRegular(root: string, path: string): BundleFile {
  const file = openSync(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw new AppError("file_unreadable", `${path} is no regular file`);
    return { path, content: readFileSync(file), executable: (found.mode & 0o100) !== 0 };
  } finally {
    closeSync(file);
  }
}

/**
 * Packs the code below a folder, and files that a build adds; undefined where there is neither.
 * @throws file_unreadable above 10,000 files or 50 MiB packed
 */
export function packBundle(
  root: string | undefined,
  include: readonly string[] = usualFiles,
  exclude: readonly string[] = [],
  added: readonly BundleFile[] = [],
): Bundle | undefined {
  const paths = root === undefined ? [] : pathsBelow(root, include, exclude);
  if (paths.length + added.length === 0) return undefined;
  const files = root === undefined ? [] : paths.map((path) => readRegular(root, path));
  const bytes = new Uint8Array(gzipSync(encodeBundle([...files, ...added]), { level: 6 }));
  if (bytes.length > bundleBytesMax)
    throw new AppError(
      "file_unreadable",
      `the code ${root === undefined ? "of the workflow" : `below ${root}`} packs to ${bytes.length} bytes; a bundle has at most ${bundleBytesMax}`,
    );
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { sha256, bytes, files: [...paths, ...added.map(({ path }) => path)] };
}

function pathsBelow(root: string, include: readonly string[], exclude: readonly string[]): string[] {
  const paths: string[] = [];
  for (const path of walk(root, "", [])) {
    if (!include.some((pattern) => matchesGlob(path, pattern)) || exclude.some((pattern) => matchesGlob(path, pattern)))
      continue;
    paths.push(path);
    if (paths.length > bundleFilesMax)
      throw new AppError(
        "file_unreadable",
        `${root} has more than ${bundleFilesMax} files for a code bundle; narrow code.root or code.include`,
      );
  }
  return paths;
}
