// Where the packages of the product lie: found as dependencies, never by the layout of a repository.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AppError } from "@capstan/proto";

/** The folder of a package of ours. @throws part_failed where it is not installed */
export function packageFolder(name: string): string {
  for (const specifier of [name, `${name}/package.json`]) {
    try {
      let folder = dirname(fileURLToPath(import.meta.resolve(specifier)));
      while (!existsSync(join(folder, "package.json")) && dirname(folder) !== folder) folder = dirname(folder);
      if (existsSync(join(folder, "package.json"))) return folder;
    } catch {
      // A package that exports nothing is found by its package.json.
    }
  }
  throw new AppError("part_failed", `the package ${name} is not installed`);
}

/** The program of a package: `dist/main.js`. @throws part_failed where it is not built */
export function packageMain(name: string): string {
  const main = join(packageFolder(name), "dist", "main.js");
  if (!existsSync(main)) throw new AppError("part_failed", `the package ${name} is not built: ${main} is missing`);
  return main;
}

/** The console's server, or undefined while it is not built. Next puts it below the path from its tracing root. */
export function consoleServer(): string | undefined {
  const standalone = join(packageFolder("@capstan/web"), ".next", "standalone");
  const candidates = [standalone, join(standalone, "web"), ...folders(standalone)].map((folder) =>
    join(folder, "server.js"),
  );
  // The static files are copied last: a server that starts before would answer 404 for them until its end.
  return candidates.find((path) => existsSync(path) && existsSync(join(dirname(path), ".next", "static")));
}

function folders(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== "node_modules")
      .map((entry) => join(path, entry.name));
  } catch {
    return [];
  }
}

/** Version of this package. */
export function ownVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const version: unknown = (JSON.parse(text) as { version?: unknown }).version; // our own file; the type is checked below
  return typeof version === "string" ? version : "0.0.0";
}
