// Python environments: made once per hash of requirements and Python version, then shared by all attempts.
import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { AppError, type PythonAction } from "@capstan/proto";
import { readBeneath } from "../../workspace/open-beneath.ts";
import type { ExecutorContext } from "../executor.ts";
import type { HostVariables } from "./environment.ts";
import type { Python } from "./interpreter.ts";

const requirementsBytesMax = 256 * 1024;
const making = new Map<string, Promise<string>>();

/**
 * The interpreter of an action: the host's for `system`, that of an environment for `venv`.
 * @throws setup_failed where it cannot be made
 */
export async function environmentPython(
  context: ExecutorContext,
  action: PythonAction,
  python: Python,
  codeFolder: string | undefined,
  host: HostVariables,
): Promise<string> {
  const environment = action.environment;
  if (environment?.version !== undefined && environment.version !== python.version) {
    throw new AppError(
      "interpreter_missing",
      `the task asks for Python ${environment.version}; this agent has ${python.version}`,
    );
  }
  const kind = environment?.kind ?? "system";
  if (kind === "system") return python.path;
  if (kind === "uv")
    throw new AppError("setup_failed", "python environments of kind uv are not supported yet; use venv");
  const file = environment?.requirements;
  let requirements: Uint8Array = new Uint8Array();
  if (file !== undefined) {
    const read = readBeneath(codeFolder ?? context.attemptDir, file, requirementsBytesMax);
    if (read.kind === "refused")
      throw new AppError("setup_failed", `the requirements file ${file} is not in the code bundle (${read.why})`);
    requirements = read.bytes;
  }
  const hash = createHash("sha256");
  hash
    .update(JSON.stringify([python.path, python.version, environment?.index ?? "", environment?.wheels ?? ""]))
    .update(requirements);
  const folder = join(context.cacheDir, "venv", hash.digest("hex").slice(0, 40));
  let made = making.get(folder);
  if (made === undefined) {
    const options: string[] = [];
    if (environment?.index !== undefined) options.push("--index-url", environment.index);
    if (environment?.wheels !== undefined)
      options.push("--no-index", "--find-links", join(codeFolder ?? context.attemptDir, environment.wheels));
    made = makeEnvironment(
      folder,
      python,
      file === undefined ? undefined : join(codeFolder ?? "", file),
      options,
      host,
      context,
    ).finally(() => making.delete(folder));
    making.set(folder, made);
  }
  return await made;
}

async function makeEnvironment(
  folder: string,
  python: Python,
  requirements: string | undefined,
  options: readonly string[],
  host: HostVariables,
  context: ExecutorContext,
): Promise<string> {
  const program = join(folder, "bin", "python3");
  if (existsSync(program)) return program;
  context.note("making the Python environment; later attempts use it again");
  // A venv knows its own path, so it is made in a folder of its own and becomes visible by a link.
  const real = `${folder}.${randomUUID().slice(0, 8)}`;
  mkdirSync(join(folder, ".."), { recursive: true, mode: 0o700 });
  try {
    await command(python.path, ["-m", "venv", real], host, context);
    if (requirements !== undefined) {
      const install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        ...options,
        "-r",
        requirements,
      ];
      await command(join(real, "bin", "python3"), install, host, context);
    }
    const link = `${real}.link`;
    symlinkSync(real, link);
    renameSync(link, folder);
  } catch (error) {
    rmSync(real, { recursive: true, force: true });
    throw error;
  }
  return program;
}

/** Runs a program, its output as notes of the attempt's log. */
async function command(
  program: string,
  args: readonly string[],
  host: HostVariables,
  context: ExecutorContext,
): Promise<void> {
  const tail: string[] = [];
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(program, args, { env: { ...host }, stdio: ["ignore", "pipe", "pipe"], signal: context.signal });
    const take = (chunk: Buffer): void => {
      for (const line of chunk.toString("utf8").split("\n")) {
        if (line.trim() === "") continue;
        context.note(line.slice(0, 2000));
        tail.push(line.slice(0, 300));
        if (tail.length > 5) tail.shift();
      }
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", reject);
    child.on("close", resolve);
  });
  if (code !== 0)
    throw new AppError(
      "setup_failed",
      `the Python environment could not be made: ${tail.join(" / ") || `exit code ${code}`}`,
    );
}
