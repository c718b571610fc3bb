import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { processStart, readLock, takeLock } from "./lock.ts";

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "capstan-lock-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const writeLock = (lock: object): void => writeFileSync(join(dataDir, "lock"), JSON.stringify(lock));

test("a taken lock names this process and its address, and is gone after release", () => {
  const lock = takeLock(dataDir);
  expect(lock.stale).toBeUndefined();
  lock.publish("http://127.0.0.1:7420");
  expect(readLock(dataDir)).toMatchObject({ pid: process.pid, url: "http://127.0.0.1:7420" });
  lock.release();
  expect(readdirSync(dataDir)).toEqual([]);
});

test("a lock of a living process is refused with its address and left alone", () => {
  const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  try {
    writeLock({ pid: other.pid, started: processStart(other.pid ?? 0), host: hostname(), url: "http://127.0.0.1:9" });
    expect(() => takeLock(dataDir)).toThrow(/already running at http:\/\/127\.0\.0\.1:9/);
    expect(readLock(dataDir)?.pid).toBe(other.pid);
    expect(readdirSync(dataDir)).toEqual(["lock"]);
  } finally {
    other.kill("SIGKILL");
  }
});

test("a lock whose process is gone is taken over, and the caller is told", () => {
  const gone = spawnSync(process.execPath, ["-e", "0"]);
  writeLock({ pid: gone.pid, started: "1", host: hostname() });
  const lock = takeLock(dataDir);
  expect(lock.stale?.pid).toBe(gone.pid);
  expect(readLock(dataDir)?.pid).toBe(process.pid);
  expect(existsSync(join(dataDir, "lock.takeover"))).toBe(false);
  lock.release();
});

test.runIf(process.platform === "linux")("a pid that came round again does not hold the lock", () => {
  writeLock({ pid: process.pid, started: "12", host: hostname() });
  expect(takeLock(dataDir).stale?.pid).toBe(process.pid);
});

test("a lock that is no JSON is taken over", () => {
  writeFileSync(join(dataDir, "lock"), "{");
  expect(takeLock(dataDir).stale).toBeDefined();
});
