import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packBundle } from "./bundle.ts";
import { ignoreRules } from "./ignore.ts";
import { readSources } from "./sources.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "capstan-bundle-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (path: string, text: string): void => {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), text);
};

test("a bundle holds the code of a folder and nothing ignored, hidden or linked", () => {
  write("jobs/load.py", "1");
  write("jobs/old.py", "1");
  write("notes.md", "1");
  write(".env.py", "1");
  write("node_modules/x/index.js", "1");
  write("build/out.py", "1");
  write(".gitignore", "build/\n*old.py\n");
  symlinkSync("/etc/passwd", join(root, "passwd.py"));
  expect(packBundle(root)?.files).toEqual(["jobs/load.py"]);
});

test("equal files give the same bundle, another byte another one, and no code none", () => {
  expect(packBundle(root)).toBeUndefined();
  write("a.py", "1");
  const first = packBundle(root)?.sha256;
  write("a.py", "1");
  expect(packBundle(root)?.sha256).toBe(first);
  write("a.py", "2");
  expect(packBundle(root)?.sha256).not.toBe(first);
});

test("ignore rules follow the last match, folders and anchors", () => {
  const rules = ignoreRules(["*.log\n!keep.log\n/top.py\ntmp/\n# note\n"]);
  expect(rules.ignores("a/b.log", false)).toBe(true);
  expect(rules.ignores("a/keep.log", false)).toBe(false);
  expect(rules.ignores("top.py", false)).toBe(true);
  expect(rules.ignores("a/top.py", false)).toBe(false);
  expect(rules.ignores("a/tmp", true)).toBe(true);
  expect(rules.ignores("a/tmp", false)).toBe(false);
});

test("only files below workflows count where there are some, and code goes with those that name it", async () => {
  write("compose.yaml", "services: {}");
  write("one/workflows/a.yaml", "version: 1\nname: a\ntasks:\n  t: { python: jobs.x:f }\n");
  write("two/workflows/b.yaml", "version: 1\nname: b\ntasks:\n  t: { run: echo }\n");
  const sources = await readSources(["."], root);
  expect(sources.map((source) => source.file)).toEqual(["one/workflows/a.yaml", "two/workflows/b.yaml"]);
  expect(sources.map((source) => source.codeRoot)).toEqual([join(root, "one"), undefined]);
});

test("a path that does not exist is named", async () => {
  await expect(readSources(["nothing.yaml"], root)).rejects.toThrow(/nothing\.yaml does not exist/);
});
