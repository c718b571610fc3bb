// Opening what a task could have touched.
//  O1. No link is followed, in no component of the path, and no `..` is taken.
//  O2. Only regular files are read; a FIFO or device neither blocks nor answers.
//  O3. The size is checked on the open descriptor, so a file that is swapped afterwards changes nothing.
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, realpathSync } from "node:fs";
import { sep } from "node:path";

/** Why a file was not opened. `missing` is the only harmless one. */
export type OpenRefusal = "missing" | "not_regular" | "outside" | "too_large" | "foreign_owner" | "unreadable";

export type OpenedFile =
  | { readonly kind: "open"; readonly fd: number; readonly size: number; readonly mode: number }
  | { readonly kind: "refused"; readonly why: OpenRefusal };

const refused = (why: OpenRefusal): OpenedFile => ({ kind: "refused", why });
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const folderFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_DIRECTORY;
const ownUid = process.getuid?.();

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

function refusalOf(error: unknown): OpenedFile {
  const code = codeOf(error);
  if (code === "ENOENT") return refused("missing");
  // ELOOP: the last part is a link; ENOTDIR: a link or file where a folder has to be; ENXIO: a socket.
  if (code === "ELOOP" || code === "EMLINK" || code === "ENOTDIR") return refused("outside");
  if (code === "ENXIO") return refused("not_regular");
  return refused("unreadable");
}

/** Splits a relative path, or undefined where it is empty, absolute, has `..`, a NUL or a backslash. */
export function relativeParts(path: string): readonly string[] | undefined {
  if (path === "" || path.length > 4096 || path.startsWith("/") || path.includes("\0") || path.includes("\\")) {
    return undefined;
  }
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return parts.length === 0 || parts.includes("..") ? undefined : parts;
}

/**
 * Opens a regular file at `relative` beneath `root` for reading. The caller closes the descriptor.
 * `root` itself must be ours; everything beneath it may be hostile.
 * @param bytesMax largest size in bytes
 */
export function openBeneath(root: string, relative: string, bytesMax: number): OpenedFile {
  const parts = relativeParts(relative);
  if (parts === undefined) return refused("outside");
  const last = parts.length - 1;
  const folders: number[] = [];
  let fd: number | undefined;
  try {
    if (last === 0) {
      // Most optional files are not there, and an exception with its stack costs more than a look.
      if (lstatSync(root + sep + parts[0], { throwIfNoEntry: false }) === undefined) return refused("missing");
      fd = openSync(root + sep + parts[0], readFlags);
    } else if (process.platform === "linux") {
      // Each folder is opened from its parent's descriptor, so swapping a parent afterwards leads nowhere.
      let at = openSync(root, folderFlags);
      folders.push(at);
      for (const part of parts.slice(0, last)) {
        at = openSync(`/proc/self/fd/${at}/${part}`, folderFlags);
        folders.push(at);
      }
      fd = openSync(`/proc/self/fd/${at}/${parts[last]}`, readFlags);
    } else {
      // No openat in Node: refuse links by sight, and compare what was opened with what the real path names.
      const path = [root, ...parts].join(sep);
      fd = openSync(path, readFlags);
      const real = lstatSync(path);
      const opened = fstatSync(fd);
      if (realpathSync(path) !== [realpathSync(root), ...parts].join(sep) || real.ino !== opened.ino) {
        closeSync(fd);
        return refused("outside");
      }
    }
    const stat = fstatSync(fd);
    const why: OpenRefusal | undefined = !stat.isFile()
      ? "not_regular"
      : stat.size > bytesMax
        ? "too_large"
        : ownUid !== undefined && ownUid !== 0 && stat.uid !== ownUid
          ? "foreign_owner"
          : undefined;
    if (why !== undefined) {
      closeSync(fd);
      return refused(why);
    }
    return { kind: "open", fd, size: stat.size, mode: stat.mode };
  } catch (error) {
    return refusalOf(error);
  } finally {
    for (const folder of folders) closeSync(folder);
  }
}

/** Reads at most `bytesMax` bytes of an open file from `offset`; shorter at its end. The file may grow meanwhile. */
export function readAtMost(fd: number, bytesMax: number, offset = 0): Buffer {
  const bytes = Buffer.allocUnsafe(bytesMax);
  let length = 0;
  while (length < bytesMax) {
    const got = readSync(fd, bytes, length, bytesMax - length, offset + length);
    if (got === 0) break;
    length += got;
  }
  return bytes.subarray(0, length);
}

export type ReadFile =
  | { readonly kind: "read"; readonly bytes: Buffer }
  | { readonly kind: "refused"; readonly why: OpenRefusal };

/** The whole content of a regular file beneath `root`, or why not. A file that grows past the limit is too large. */
export function readBeneath(root: string, relative: string, bytesMax: number): ReadFile {
  const opened = openBeneath(root, relative, bytesMax);
  if (opened.kind === "refused") return opened;
  try {
    const bytes = readAtMost(opened.fd, opened.size + 1);
    return bytes.length > bytesMax ? { kind: "refused", why: "too_large" } : { kind: "read", bytes };
  } catch {
    return { kind: "refused", why: "unreadable" };
  } finally {
    closeSync(opened.fd);
  }
}
