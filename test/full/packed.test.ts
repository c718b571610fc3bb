// The packages as a registry would carry them, installed where there is no repository.
import { mkdtempSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { freePort, runToEnd } from "../support/product.ts";
import { root } from "../support/sources.ts";

const packages = ["proto", "sdk", "control-plane", "agent", "cli", "web"];
const folder = mkdtempSync(join(tmpdir(), "capstan-packed-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As a user has it: npm by the Node that it came with, not by the one that this repository brings. */
const userPath = (process.env["PATH"] ?? "")
  .split(delimiter)
  .filter((part) => !part.includes("node_modules"))
  .join(delimiter);

test("packages packed and installed into an empty folder give a working capstan dev", async () => {
  const tarballs = join(folder, "tarballs");
  const app = join(folder, "app");
  mkdirSync(tarballs);
  mkdirSync(app);
  const env = { PATH: userPath };
  const pack = ["pack", "--silent", ...packages.flatMap((name) => ["-w", name]), "--pack-destination", tarballs];
  const packed = await runToEnd("npm", pack, { cwd: root, env, timeoutMs: 120_000 });
  expect(packed.code, packed.stderr).toBe(0);
  const files = readdirSync(tarballs).map((name) => join(tarballs, name));
  expect(files).toHaveLength(packages.length);

  const install = ["install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", ...files];
  const installed = await runToEnd("npm", install, { cwd: app, env, timeoutMs: 250_000 });
  expect(installed.code, installed.stderr).toBe(0);

  const dev = ["capstan", "dev", "--once", "--port", String(await freePort()), "-o", "jsonl"];
  const ran = await runToEnd("npx", dev, { cwd: app, env, timeoutMs: 120_000 });
  expect(ran.code, ran.stderr).toBe(0);
  const lines = ran.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>); // one object a line, by `-o jsonl`
  expect(lines[0]).toMatchObject({ event: "ready" });
  expect(lines).toContainEqual(expect.objectContaining({ event: "run", workflow: "hello", state: "succeeded" }));
});
