// Interpreters of the host, found once per process by their real path: pyenv's wrapper costs 90 ms at each start.
import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";

/** The absolute path of a program on a search path, or undefined. */
export function findProgram(name: string, searchPath: string): string | undefined {
  for (const folder of searchPath.split(":")) {
    if (!folder.startsWith("/")) continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

export interface Python {
  readonly path: string;
  /** `3.11` */
  readonly version: string;
}

const askTimeoutMs = 10_000;
const question = "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2])";

/** Asks an interpreter who it is; undefined where it does not answer or is older than 3.9. */
async function askPython(path: string, env: Readonly<Record<string, string>>): Promise<Python | undefined> {
  const answer = await new Promise<string>((resolve) => {
    let text = "";
    const child = spawn(path, ["-c", question], { env, stdio: ["ignore", "pipe", "ignore"], timeout: askTimeoutMs });
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (part: string) => (text += part));
    child.on("error", () => resolve(""));
    child.on("close", (code) => resolve(code === 0 ? text : ""));
  });
  const [executable = "", version = ""] = answer.split("\n");
  const minor = /^3\.([0-9]+)$/.exec(version)?.[1];
  return executable.startsWith("/") && minor !== undefined && Number(minor) >= 9
    ? { path: executable, version }
    : undefined;
}

const found = new Map<string, Promise<Python | undefined>>();

/**
 * The host's Python, for tasks and for the label `python=3.11`; undefined where there is none from 3.9 on.
 * @param searchPath `PATH`; @param home pyenv and others look there
 * @param configured a path that the owner set instead of `python3`
 */
export function findPython(searchPath: string, home: string, configured?: string): Promise<Python | undefined> {
  const key = `${configured ?? ""}\n${searchPath}`;
  let answer = found.get(key);
  if (answer === undefined) {
    const path = configured ?? findProgram("python3", searchPath);
    answer =
      path === undefined
        ? Promise.resolve(undefined)
        : askPython(path, { PATH: searchPath, HOME: home, LANG: "C.UTF-8" });
    found.set(key, answer);
  }
  return answer;
}
