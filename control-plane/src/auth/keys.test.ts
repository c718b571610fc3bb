import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { openKeys } from "./keys.ts";
import { parseToken } from "./opaque-token.ts";

const folder = mkdtempSync(path.join(tmpdir(), "capstan-keys-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("keys are made once, for their owner alone, and stay the same", () => {
  const dir = path.join(folder, "made");
  const first = openKeys(dir);
  const again = openKeys(dir);
  expect(again.localToken).toBe(first.localToken);
  expect(again.roleKey.equals(first.roleKey)).toBe(true);
  expect(parseToken(first.localToken)?.kind).toBe("local");
  expect(statSync(dir).mode & 0o777).toBe(0o700);
  expect(statSync(path.join(dir, "local")).mode & 0o777).toBe(0o600);
});

test("a key that others may read stops the start", () => {
  const dir = path.join(folder, "open");
  openKeys(dir);
  chmodSync(path.join(dir, "seal"), 0o644);
  expect(() => openKeys(dir)).toThrow(/mode 644/);
});

test("a folder that others may read stops the start", () => {
  const dir = path.join(folder, "wide");
  openKeys(dir);
  chmodSync(dir, 0o755);
  expect(() => openKeys(dir)).toThrow(/mode 755/);
});

test("an empty key and a repeated key stop the start", () => {
  const dir = path.join(folder, "bad");
  openKeys(dir);
  const roles = readFileSync(path.join(dir, "database-roles"), "utf8");
  writeFileSync(path.join(dir, "seal"), roles, { mode: 0o600 });
  expect(() => openKeys(dir)).toThrow(/two keys/);
  writeFileSync(path.join(dir, "seal"), "");
  expect(() => openKeys(dir)).toThrow(/empty or not a key/);
});

test("a key file that is a link is not followed", () => {
  const dir = path.join(folder, "link");
  openKeys(dir);
  rmSync(path.join(dir, "local"));
  symlinkSync("/etc/hostname", path.join(dir, "local"));
  expect(() => openKeys(dir)).toThrow(expect.objectContaining({ code: "keys_unusable" }));
});
