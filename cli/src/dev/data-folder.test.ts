import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkWriter, isNewer, moveAside, prepareDataFolder, saveWriter } from "./data-folder.ts";

let parent = "";
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "capstan-data-"));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

test("the folder is private and hidden from git", () => {
  const dataDir = join(parent, ".capstan");
  prepareDataFolder(dataDir);
  expect(statSync(join(dataDir, "keys")).mode & 0o077).toBe(0);
  expect(readFileSync(join(dataDir, ".gitignore"), "utf8")).toBe("*\n");
});

test("a path that cannot be a folder is refused with its name", () => {
  writeFileSync(join(parent, "file"), "");
  expect(() => prepareDataFolder(join(parent, "file"))).toThrow(expect.objectContaining({ code: "data_unwritable" }));
});

test("data of a newer version is refused, of the same or an older one not", () => {
  saveWriter(parent, { version: "0.4.0", schema: 31 });
  expect(() => checkWriter(parent, "0.3.9")).toThrow(/was written by 0\.4\.0 \(schema 31\); this is 0\.3\.9/);
  expect(() => checkWriter(parent, "0.4.0")).not.toThrow();
  expect(() => checkWriter(parent, "1.0.0")).not.toThrow();
  expect(isNewer("0.10.0", "0.9.0")).toBe(true);
});

test("old data is moved aside whole, and nothing is moved where there is none", () => {
  const dataDir = join(parent, ".capstan");
  const now = new Date("2027-01-05T10:04:31.412Z");
  expect(moveAside(dataDir, now)).toBeUndefined();
  prepareDataFolder(dataDir);
  expect(moveAside(dataDir, now)).toBe(`${dataDir}.bak-20270105T100431Z`);
  expect(existsSync(dataDir)).toBe(false);
});
