import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { encodeBundle } from "@capstan/proto";
import { unpackBundle } from "./bundle.ts";
import { keptFoldersMax, removeFolder, sweepAttemptFolders } from "./directory.ts";
import { keepFile, openFileCache } from "./file-store.ts";
import { openBeneath, readBeneath } from "./open-beneath.ts";
import { memoryFolder, sweepMemory } from "./memory-folder.ts";
import { removeSecrets, writeSecrets } from "./secret-folder.ts";

const root = mkdtempSync(join(tmpdir(), "capstan-workspace-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const id = (n: number): string => `att_${String(n).padStart(26, "0")}`;
const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
async function* chunks(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

test("only regular files beneath the root are opened: no link, FIFO, socket, folder or way out", async () => {
  const folder = join(root, "hostile");
  mkdirSync(join(folder, "sub"), { recursive: true });
  writeFileSync(join(folder, "sub", "good"), "good");
  symlinkSync("/etc/passwd", join(folder, "link"));
  symlinkSync("/etc", join(folder, "linked"));
  symlinkSync("sub", join(folder, "inside"));
  execFileSync("mkfifo", [join(folder, "fifo")]);
  const socket = createServer();
  await new Promise<void>((resolve) => socket.listen(join(folder, "socket"), resolve));
  const why = (path: string, bytesMax = 100): string => {
    const opened = openBeneath(folder, path, bytesMax);
    if (opened.kind === "refused") return opened.why;
    closeSync(opened.fd);
    return "open";
  };
  try {
    expect(why("sub/good")).toBe("open");
    expect(why("./sub//good")).toBe("open");
    expect(why("sub/good", 3)).toBe("too_large");
    expect(why("none")).toBe("missing");
    expect(why("sub")).toBe("not_regular");
    expect(why("fifo")).toBe("not_regular");
    expect(why("socket")).toBe("not_regular");
    for (const path of [
      "link",
      "linked/passwd",
      "inside/good",
      "../hostile/sub/good",
      "sub/../sub/good",
      "/etc/passwd",
      "",
      "a\0b",
      "..\\x",
    ]) {
      expect([path, why(path)]).toEqual([path, "outside"]);
    }
  } finally {
    socket.close();
  }
});

test("removing a folder follows no link and is not stopped by missing rights", () => {
  const folder = join(root, "removed");
  mkdirSync(join(folder, "closed", "inner"), { recursive: true });
  const outside = join(root, "outside");
  writeFileSync(outside, "stays");
  symlinkSync(root, join(folder, "link"));
  chmodSync(join(folder, "closed"), 0o000);
  removeFolder(folder);
  expect(existsSync(folder)).toBe(false);
  expect(readFileSync(outside, "utf8")).toBe("stays");
});

test("the sweep keeps what is carried and the newest twenty of a day, and touches nothing that is not an attempt's", () => {
  const work = join(root, "swept");
  mkdirSync(join(work, "not-ours"), { recursive: true });
  for (let n = 0; n < keptFoldersMax + 3; n++) mkdirSync(join(work, id(n), "work"), { recursive: true });
  const held = new Set([id(0)]);
  expect(sweepAttemptFolders(work, held, Date.now())).toMatchObject({ removed: { length: 2 }, failed: [] });
  expect(readdirSync(work)).toHaveLength(1 + 1 + keptFoldersMax);
  sweepAttemptFolders(work, held, Date.now() + 25 * 3600 * 1000);
  expect(readdirSync(work).toSorted()).toEqual([id(0), "not-ours"]);
});

test("secrets are 0400 in a 0700 folder, and go at the end", () => {
  const attemptDir = join(root, "secret-attempt");
  mkdirSync(attemptDir, { recursive: true });
  const folder = writeSecrets(attemptDir, new Map([["TOKEN", "v"]]));
  expect(lstatSync(folder).mode & 0o777).toBe(0o700);
  expect(lstatSync(join(folder, "TOKEN")).mode & 0o777).toBe(0o400);
  removeSecrets(attemptDir);
  expect(existsSync(folder)).toBe(false);
});

test("the sweep of the folder in memory removes what nobody holds, and nothing of another agent", () => {
  const mine = memoryFolder(join(root, "one"));
  const other = memoryFolder(join(root, "other"));
  if (mine === undefined || other === undefined) return; // a host without a tmpfs for it has nothing to sweep
  for (const folder of [mine, other]) for (const n of [1, 2]) mkdirSync(join(folder, id(n)));
  expect(lstatSync(mine).mode & 0o777).toBe(0o700);
  expect(sweepMemory(join(root, "one"), (name) => name === id(1))).toBe(1);
  expect(readdirSync(mine)).toEqual([id(1)]);
  expect(readdirSync(other)).toHaveLength(2);
  for (const folder of [mine, other]) removeFolder(folder);
});

test("a file enters the cache under its digest only, and wrong bytes leave nothing behind", async () => {
  const folder = join(root, "files");
  const cache = openFileCache(folder);
  const taken = await cache.take(chunks("hello ", "world"), 100);
  expect(taken).toMatchObject({ sha256: sha256("hello world"), size: 11 });
  expect(cache.find(taken.sha256, 11)?.path).toBe(taken.path);
  expect(cache.find(taken.sha256, 12)).toBeUndefined();
  await expect(cache.takeChecked(chunks("other"), { sha256: sha256("wanted"), size: 6 })).rejects.toMatchObject({
    code: "file_unavailable",
  });
  await expect(cache.take(chunks("too", "long"), 5)).rejects.toMatchObject({ code: "file_unavailable" });
  expect(() => cache.find("../../etc/passwd", 1)).toThrow(/no SHA-256/);
  expect(readdirSync(folder)).toEqual([taken.sha256]);
});

test("shrinking removes the least recently used files first", async () => {
  const cache = openFileCache(join(root, "lru"));
  const [a, b] = [await cache.take(chunks("aaaa"), 10), await cache.take(chunks("bbbb"), 10)];
  utimesSync(b.path, 1, 1);
  expect(cache.shrink(4)).toBe(4);
  expect([existsSync(a.path), existsSync(b.path)]).toEqual([true, false]);
});

test("a produced file is kept with its bytes, and a link is not", async () => {
  const work = join(root, "produced-work");
  mkdirSync(work);
  writeFileSync(join(work, "model.bin"), Buffer.alloc(3_000_000, 7));
  symlinkSync("/etc/passwd", join(work, "passwd"));
  const cache = openFileCache(join(root, "produced"));
  expect(await keepFile(cache, work, "model.bin")).toMatchObject({
    kind: "kept",
    file: { name: "model.bin", size: 3_000_000, sha256: sha256(Buffer.alloc(3_000_000, 7)) },
  });
  expect(await keepFile(cache, work, "passwd")).toEqual({ kind: "refused", why: "outside" });
});

test("a bundle is unpacked once, read-only, and damaged bytes leave no folder", () => {
  const cache = join(root, "cache");
  const bytes = gzipSync(
    encodeBundle([
      { path: "a/b.py", executable: false, content: Buffer.from("x = 1\n") },
      { path: "run.sh", executable: true, content: Buffer.from("") },
    ]),
  );
  const packed = { path: join(root, "bundle"), sha256: sha256(bytes) };
  writeFileSync(packed.path, bytes);
  const folder = unpackBundle(cache, packed);
  expect(readBeneath(folder, "a/b.py", 100)).toMatchObject({ kind: "read" });
  expect(lstatSync(join(folder, "a/b.py")).mode & 0o777).toBe(0o444);
  expect(lstatSync(join(folder, "run.sh")).mode & 0o777).toBe(0o555);
  expect(unpackBundle(cache, packed)).toBe(folder);
  writeFileSync(packed.path, bytes.subarray(0, 20));
  expect(() => unpackBundle(join(root, "cache2"), packed)).toThrow(/cannot be unpacked/);
  expect(existsSync(join(root, "cache2", "code", packed.sha256))).toBe(false);
});
