import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const bin = fileURLToPath(new URL("../bin/capstan.js", import.meta.url));
let folder = "";
let launcher = "";

/** The launcher beside a program of ours, as it lies in an installed package. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "capstan-launcher-"));
  mkdirSync(join(folder, "bin"));
  mkdirSync(join(folder, "dist"));
  launcher = join(folder, "bin", "capstan.js");
  cpSync(bin, launcher);
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(
    join(folder, "dist", "main.js"),
    `const [what] = process.argv.slice(2);
     if (what === "wait") { process.on("SIGTERM", () => process.exit(42)); setInterval(() => {}, 1000); console.log("ready"); }
     else { console.log(JSON.stringify({ version: process.versions.node, flags: process.execArgv, args: process.argv.slice(2) })); process.exitCode = 7; }`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("arguments, exit code and the hardening flags arrive at Node 24", () => {
  const done = spawnSync(process.execPath, [launcher, "run", "a b"], { encoding: "utf8" });
  expect(done.status).toBe(7);
  const seen: unknown = JSON.parse(done.stdout);
  expect(seen).toMatchObject({ flags: ["--disable-proto=throw", "--disable-sigusr1"], args: ["run", "a b"] });
});

test("a signal is passed on, and the program's answer to it is the exit code", async () => {
  const child = spawn(process.execPath, [launcher, "wait"], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((done) => child.stdout.once("data", done));
  child.kill("SIGTERM");
  expect(await new Promise((done) => child.once("exit", done))).toBe(42);
});

test("a package that is not built says so in one sentence", () => {
  const bare = mkdtempSync(join(tmpdir(), "capstan-launcher-"));
  try {
    mkdirSync(join(bare, "bin"));
    writeFileSync(join(bare, "package.json"), '{"type":"module"}');
    cpSync(bin, join(bare, "bin", "capstan.js"));
    const done = spawnSync(process.execPath, [join(bare, "bin", "capstan.js")], { encoding: "utf8" });
    expect(done.status).toBe(1);
    expect(done.stderr).toMatch(/^✗ the command line is not built/);
  } finally {
    rmSync(bare, { recursive: true });
  }
});
