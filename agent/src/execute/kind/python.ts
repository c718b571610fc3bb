// `python`: a function of the bundle, a file of it, or text, in the host's Python or in an environment made for it.
import { fileURLToPath } from "node:url";
import { dirname, join } from "node:path";
import { AppError, type PythonAction } from "@capstan/proto";
import type { SecretResolver } from "../../secrets/resolver.ts";
import { unpackBundle } from "../../workspace/bundle.ts";
import { writeNewFile } from "../../workspace/directory.ts";
import type { ExecutorContext, Prepared, WarmStart } from "../executor.ts";
import { pythonProgram, type PythonSettings } from "./python-environment.ts";
import { prepareFolder, processPlan } from "./task-process.ts";
import { warmKeyOf } from "./warm-key.ts";

/** The same number of folders up from `src/execute/kind` and from `dist/execute/kind`. */
export const pythonBootstrap = fileURLToPath(new URL("../../../python/bootstrap.py", import.meta.url));

const pythonWarm = join(dirname(pythonBootstrap), "capstan_warm.py");

/** @throws interpreter_missing, setup_failed, and what making the folder throws */
export async function preparePython(
  context: ExecutorContext,
  action: PythonAction,
  resolver: SecretResolver,
  settings: PythonSettings,
): Promise<Prepared> {
  const codeFolder = context.bundle === undefined ? undefined : unpackBundle(context.cacheDir, context.bundle);
  // Before any secret of the attempt is resolved.
  const { program, environment } = await pythonProgram(context, action, codeFolder, settings);
  const prepared = await prepareFolder(context, resolver, settings.host);
  const variables = prepared.variables;
  if (environment !== undefined) {
    variables["VIRTUAL_ENV"] ??= environment;
    variables["PATH"] = `${join(environment, "bin")}:${variables["PATH"] ?? ""}`;
  }
  variables["PYTHONUNBUFFERED"] ??= "1";
  // The bundle is shared by attempts: no bytecode may be written beside it.
  variables["PYTHONDONTWRITEBYTECODE"] = "1";
  variables["CAPSTAN_OUTPUT_NAMES"] = Object.keys(context.task.outputs ?? {}).join(",");
  const [mode, target] = inlineOrNamed(action, prepared.folder.root);
  if (mode !== "inline" && codeFolder === undefined)
    throw new AppError("setup_failed", `the code bundle with ${target || "the module"} is missing`);
  return processPlan(context, prepared, [program, pythonBootstrap, mode, target], {
    warm: action.warm === true ? warmStart(context, program, { mode, target }, variables) : undefined,
  });
}

function inlineOrNamed(action: PythonAction, root: string): readonly ["inline" | "call" | "file", string] {
  if (action.inline !== undefined) {
    const text = join(root, "inline.py");
    writeNewFile(text, action.inline);
    return ["inline", text];
  }
  return action.call === undefined ? ["file", action.file ?? ""] : ["call", action.call];
}

/** What the interpreter itself reads at its start; everything else comes with each attempt. */
const startNames = ["PATH", "HOME", "LANG", "VIRTUAL_ENV", "CAPSTAN_CODE_DIR"] as const;

function warmStart(
  context: ExecutorContext,
  program: string,
  order: WarmStart["order"],
  variables: Readonly<Record<string, string>>,
): WarmStart | undefined {
  const argv = [program, pythonWarm] as const;
  const key = warmKeyOf(context, argv);
  if (key === undefined) return undefined;
  const env: Record<string, string> = { PYTHONUNBUFFERED: "1", PYTHONDONTWRITEBYTECODE: "1" };
  for (const name of startNames) if (variables[name] !== undefined) env[name] = variables[name];
  return { key, argv, env, order };
}
