// A code bundle: the files that agents need beside the document, as one block of bytes.
//  B1. Equal files give equal bytes: entries are sorted by path, and there is no time, owner or padding in it.
//  B2. There are files and nothing else: no link, no device, no folder entry, so there is nothing to escape with.
//  B3. Paths are relative, with `/`, without `.` and `..`; a decoder refuses everything else and every doubled path.
// Form: the line `capstan-bundle 1`, one line of JSON `[[path, executable, size] …]`, then the contents one after the
// other. On the wire and in the store it is gzip of that; its name is the SHA-256 of the gzip bytes.

/** Files in one bundle. */
export const bundleFilesMax = 10_000;
/** Bytes of a bundle, unpacked. */
export const bundleUnpackedBytesMax = 512 * 1024 * 1024;

export interface BundleFile {
  readonly path: string;
  readonly executable: boolean;
  readonly content: Uint8Array;
}

const magic = "capstan-bundle 1\n";

/** True for a relative path without `.`, `..`, empty parts, backslashes and control characters. */
export function isBundlePath(path: string): boolean {
  if (path === "" || path.length > 1024 || path.includes("\\")) return false;
  for (let i = 0; i < path.length; i++) if (path.charCodeAt(i) < 32) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** The bytes of a bundle, not yet compressed. Throws RangeError for a path or number of files that it cannot hold. */
export function encodeBundle(files: readonly BundleFile[]): Uint8Array {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  if (sorted.length > bundleFilesMax) throw new RangeError(`a bundle holds at most ${bundleFilesMax} files`);
  for (const [i, file] of sorted.entries()) {
    if (!isBundlePath(file.path)) throw new RangeError(`${JSON.stringify(file.path)} cannot be in a bundle`);
    if (sorted[i + 1]?.path === file.path) throw new RangeError(`${file.path} is twice in the bundle`);
  }
  const index = sorted.map((file) => [file.path, file.executable, file.content.length]);
  const head = new TextEncoder().encode(`${magic}${JSON.stringify(index)}\n`);
  const bytes = new Uint8Array(head.length + sorted.reduce((sum, file) => sum + file.content.length, 0));
  bytes.set(head);
  let at = head.length;
  for (const file of sorted) {
    bytes.set(file.content, at);
    at += file.content.length;
  }
  return bytes;
}

/** The paths in a bundle, from its first two lines; what follows them is not looked at. Throws RangeError where they are no head. */
export const bundlePathsOf = (head: Uint8Array): readonly string[] => indexOf(head).entries.map((entry) => entry.path);

interface IndexEntry {
  readonly path: string;
  readonly executable: boolean;
  readonly size: number;
}

const wrong = (why: string): RangeError => new RangeError(`not a code bundle: ${why}`);

function indexOf(bytes: Uint8Array): { readonly entries: readonly IndexEntry[]; readonly end: number } {
  const end = bytes.indexOf(10, magic.length);
  if (end < 0 || new TextDecoder().decode(bytes.subarray(0, magic.length)) !== magic)
    throw wrong("its head is missing");
  let index: unknown;
  try {
    index = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(magic.length, end)));
  } catch {
    throw wrong("its index is not JSON");
  }
  if (!Array.isArray(index) || index.length > bundleFilesMax) throw wrong("its index is no list of files");
  const seen = new Set<string>();
  const entries = (index as readonly unknown[]).map((entry): IndexEntry => {
    const [path, executable, size]: readonly unknown[] = Array.isArray(entry) ? entry : [];
    if (typeof path !== "string" || !isBundlePath(path) || seen.has(path)) throw wrong("a path is not allowed");
    if (typeof executable !== "boolean" || typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
      throw wrong("an entry of its index is wrong");
    }
    seen.add(path);
    return { path, executable, size };
  });
  return { entries, end };
}

/** The files of unpacked bundle bytes; contents are views into `bytes`. Throws RangeError where it is no bundle. */
export function decodeBundle(bytes: Uint8Array): readonly BundleFile[] {
  const { entries, end } = indexOf(bytes);
  const files: BundleFile[] = [];
  let at = end + 1;
  for (const { path, executable, size } of entries) {
    if (at + size > bytes.length) throw wrong("it is cut off");
    files.push({ path, executable, content: bytes.subarray(at, at + size) });
    at += size;
  }
  if (at !== bytes.length) throw wrong("there are bytes behind its end");
  return files;
}
