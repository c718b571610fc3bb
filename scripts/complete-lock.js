// Adds to package-lock.json the entries of optional platform packages that `npm install` left out, and with --check only
// names them. npm leaves them out where the registry it spoke to has no such package; `npm ci` then refuses the lock file
// on every machine. An entry for another platform is never downloaded here, so it needs no more than version and platform.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const file = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), "package-lock.json");
const lock = JSON.parse(readFileSync(file, "utf8"));

const systems = ["android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "aix", "win32"];
const processors = ["arm64", "arm", "x64", "ia32", "ppc64", "riscv64", "s390x", "loong64", "mips64el"];

/** `@oxc-parser/binding-linux-arm-musleabihf` as { os, cpu, libc }, by the words of its name. */
function platformOf(name) {
  const words = name.replace(/^.*\//, "").split("-");
  if (words.includes("wasm32")) return { cpu: ["wasm32"] };
  const os = words.map((word) => (word === "windows" ? "win32" : word)).find((word) => systems.includes(word));
  const cpu = words.map((word) => (word === "64" ? "x64" : word)).find((word) => processors.includes(word));
  if (os === undefined || cpu === undefined) throw new Error(`${name}: its name does not say for which platform it is`);
  const libc = words.some((word) => word.startsWith("musl"))
    ? ["musl"]
    : words.some((word) => word.startsWith("gnu")) && os === "linux"
      ? ["glibc"]
      : undefined;
  return { cpu: [cpu], os: [os], ...(libc ? { libc } : {}) };
}

/** The entry that a package at `place` would find for `name`, as Node looks it up. */
function found(place, name) {
  for (let at = place; ; at = at.slice(0, Math.max(at.lastIndexOf("node_modules/") - 1, 0))) {
    if (lock.packages[`${at === "" ? "" : `${at}/`}node_modules/${name}`]) return true;
    if (at === "") return false;
  }
}

const missing = Object.entries(lock.packages).flatMap(([place, entry]) =>
  Object.entries(entry.optionalDependencies ?? {})
    .filter(([name]) => !found(place, name))
    .map(([name, version]) => ({ place, name, version })),
);

if (process.argv.includes("--check")) {
  for (const { place, name } of missing) process.stdout.write(`${place} has no entry for its optional ${name}\n`);
  if (missing.length > 0) process.stdout.write("node scripts/complete-lock.js\n");
  process.exit(missing.length > 0 ? 1 : 0);
}

for (const { place, name, version } of missing) {
  const parent = lock.packages[place];
  lock.packages[`node_modules/${name}`] = {
    version: version.replace(/^[\^~]/, ""),
    ...platformOf(name),
    ...(parent.dev ? { dev: true } : {}),
    ...(parent.license ? { license: parent.license } : {}),
    optional: true,
    ...(parent.engines ? { engines: parent.engines } : {}),
  };
}
const names = Object.keys(lock.packages).sort((a, b) => a.localeCompare(b, "en"));
lock.packages = Object.fromEntries(names.map((name) => [name, lock.packages[name]]));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${missing.length} entries added\n`);
