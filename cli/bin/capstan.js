#!/usr/bin/env node
// Finds a Node 24 and hands over to it. Plain ES2019, so that an old Node can still say what is missing.
import { spawn } from "child_process";
import { existsSync } from "fs";
import { createRequire } from "module";
import { dirname, join } from "path";
import { fileURLToPath } from "url";

const require = createRequire(import.meta.url);
const wanted = 24;

const major = (version) => Number(version.replace(/^v/, "").split(".")[0]);

function fail(lines) {
  process.stderr.write(lines.map((line) => line + "\n").join(""));
  process.exit(1);
}

/** The Node that npm brought with this package, whatever the host has. */
function nodeFromNpm() {
  const { platform, arch } = process;
  const names = [`node-${platform === "win32" ? "win" : platform}-${arch}`, `node-bin-${platform}-${arch}`];
  for (const name of names) {
    try {
      const path = join(
        dirname(require.resolve(`${name}/package.json`)),
        "bin",
        platform === "win32" ? "node.exe" : "node",
      );
      if (existsSync(path)) return path;
    } catch {
      // Not installed for this machine; the host's own may do.
    }
  }
  return undefined;
}

if (major(process.version) < 20)
  fail([`✗ Node ${process.version.slice(1)} found, 20 or newer needed`, "https://nodejs.org"]);
const node = major(process.version) >= wanted ? process.execPath : nodeFromNpm();
if (node === undefined) {
  fail([
    `✗ Node ${process.version.slice(1)} found, and no Node ${wanted} came with npm for ${process.platform} ${process.arch}`,
    "npm install --include=optional",
  ]);
}
const main = join(dirname(fileURLToPath(import.meta.url)), "..", "dist", "main.js");
if (!existsSync(main)) fail(["✗ the command line is not built: dist/main.js is missing", "npm run build"]);

const child = spawn(node, ["--disable-proto=throw", "--disable-sigusr1", main, ...process.argv.slice(2)], {
  stdio: "inherit",
});
// The child decides what a signal means. A Ctrl-C on a terminal reaches it twice, which it takes for one.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
// Between npm and us stands a shell that a signal ends without being passed on. When it is gone, we were meant.
// oxlint-disable-next-line node/no-process-env -- npm's own variable, and this file runs before any configuration
if (process.env.npm_lifecycle_event !== undefined) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    child.kill("SIGTERM");
  }, 300);
  watch.unref();
}
child.on("error", (error) => fail([`✗ ${node} cannot be started: ${error.message}`, "node --version"]));
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code === null ? 1 : code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
