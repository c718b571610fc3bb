import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Part } from "./part.ts";
import { isAlive } from "./postgres.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "capstan-part-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const start = (script: string, input?: string): Part =>
  new Part({
    name: "probe",
    command: process.execPath,
    args: ["-e", script],
    env: {},
    logFile: join(folder, "probe.log"),
    ...(input === undefined ? {} : { input }),
  });

test("a part is ready by its line, ends in order, and keeps its words in its own log", async () => {
  const part = start(
    `process.on("SIGTERM", () => process.exit(0)); console.error("talk"); console.log("noise"); console.log('{"event":"ready","url":"x"}'); setInterval(() => {}, 1000)`,
  );
  expect(await part.line((line) => line["event"] === "ready", 10_000)).toEqual({ event: "ready", url: "x" });
  await part.stop(5000);
  expect(await part.ended).toEqual({ code: 0, signal: null });
  expect(readFileSync(join(folder, "probe.log"), "utf8")).toBe("talk\n");
});

test("a part that ends before it is ready is told with the end of its log", async () => {
  const part = start(`console.error("no database"); process.exit(3)`);
  await expect(part.line(() => true, 10_000)).rejects.toThrow(/ended before it was ready.*\n.*no database/s);
});

test("a part that says why it failed is told with its own words and code", async () => {
  const part = start(`console.log('{"event":"failed","code":"data_newer","detail":"written by 9.0.0"}')`);
  await expect(part.line((line) => line["event"] === "ready", 10_000)).rejects.toMatchObject({
    code: "data_newer",
    message: "written by 9.0.0",
  });
});

test("a part that does not stop is killed after its grace, with its children", async () => {
  const part = start(`
    const child = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    process.on("SIGTERM", () => {});
    console.log(JSON.stringify({ child: child.pid }));
    setInterval(() => {}, 1000)`);
  const { child } = await part.line(() => true, 10_000);
  await part.stop(100);
  expect((await part.ended).signal).toBe("SIGKILL");
  await expect
    .poll(() => isAlive(Number(child)) && !readFileSync(`/proc/${Number(child)}/stat`, "utf8").includes(") Z "), {
      timeout: 5000,
    })
    .toBe(false);
});

test("a part reads its stdin, which stays open for as long as we live", async () => {
  const part = start(
    `process.stdin.once("data", (text) => console.log(JSON.stringify({ got: String(text) }))); process.stdin.on("end", () => process.exit(9))`,
    "token",
  );
  expect(await part.line(() => true, 10_000)).toEqual({ got: "token" });
  expect(part.hasEnded).toBe(false);
  part.kill();
  await part.ended;
});
