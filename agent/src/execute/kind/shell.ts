// `run`: a script for bash, sh or PowerShell. The text is a file, executed by an argument list; no line is ever built.
import { join } from "node:path";
import { AppError, evaluateText, type RunAction } from "@capstan/proto";
import type { SecretResolver } from "../../secrets/resolver.ts";
import { exchange, writeNewFile } from "../../workspace/directory.ts";
import { readBeneath, relativeParts } from "../../workspace/open-beneath.ts";
import type { ExecutorContext, Prepared } from "../executor.ts";
import type { HostVariables } from "./environment.ts";
import { findProgram } from "./interpreter.ts";
import { contextOf } from "./resolve-fields.ts";
import { prepareFolder, processPlan } from "./task-process.ts";

const scriptBytesMax = 1024 * 1024;

/** How each shell is told to stop at the first error, and the ending that its scripts need. */
const shells = {
  bash: { program: "bash", args: ["--noprofile", "--norc", "-euo", "pipefail"], ending: ".sh" },
  sh: { program: "sh", args: ["-eu"], ending: ".sh" },
  pwsh: { program: "pwsh", args: ["-NoProfile", "-NonInteractive", "-File"], ending: ".ps1" },
} as const;

const programs = new Map<string, string>();

function programOf(name: string, searchPath: string): string {
  const key = `${name}\n${searchPath}`;
  const known = programs.get(key);
  if (known !== undefined) return known;
  const path = findProgram(name, searchPath);
  if (path === undefined)
    throw new AppError("interpreter_missing", `there is no ${name} in the PATH of this agent (${searchPath})`);
  programs.set(key, path);
  return path;
}

/** @throws interpreter_missing, and what making the folder throws */
export async function prepareShell(
  context: ExecutorContext,
  action: RunAction,
  resolver: SecretResolver,
  host: HostVariables,
): Promise<Prepared> {
  const name = action.shell ?? "bash";
  if (name === "cmd") throw new AppError("interpreter_missing", "cmd exists on Windows agents only");
  const shell = shells[name];
  const program = programOf(shell.program, host.PATH);
  const prepared = await prepareFolder(context, resolver, host);
  const script = join(prepared.folder.root, `${exchange.script}${shell.ending}`);
  writeNewFile(script, action.script ?? bundledScript(action.file, prepared.codeFolder), 0o500);
  return processPlan(context, prepared, [program, ...shell.args, script], {
    cwd: workFolderOf(context, action, prepared.folder.work),
  });
}

/** A script of the bundle is copied, so that a task which rewrites it reaches no other attempt. */
function bundledScript(file: string | undefined, codeFolder: string | undefined): Uint8Array {
  if (file === undefined || codeFolder === undefined) {
    throw new AppError("setup_failed", `the code bundle with ${file ?? "the script"} is missing`);
  }
  const read = readBeneath(codeFolder, file, scriptBytesMax);
  if (read.kind === "refused")
    throw new AppError("setup_failed", `the script ${file} is not in the code bundle (${read.why})`);
  return read.bytes;
}

function workFolderOf(context: ExecutorContext, action: RunAction, work: string): string {
  if (action.workdir === undefined) return work;
  const folder = evaluateText(action.workdir, contextOf(context));
  if (typeof folder !== "string" || folder === "") throw new AppError("expression_failed", "workdir is no text");
  if (folder.startsWith("/")) return folder;
  if (relativeParts(folder) === undefined)
    throw new AppError("expression_failed", `workdir ${JSON.stringify(folder)} leaves the work folder`);
  return join(work, folder);
}
