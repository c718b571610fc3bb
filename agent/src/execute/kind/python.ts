// `python`: a function of the bundle, a file of it, or text, in the host's Python or in an environment made for it.
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { AppError, type PythonAction } from "@capstan/proto";
import type { SecretResolver } from "../../secrets/resolver.ts";
import { unpackBundle } from "../../workspace/bundle.ts";
import { writeNewFile } from "../../workspace/directory.ts";
import type { ExecutorContext, Prepared } from "../executor.ts";
import { pythonProgram, type PythonSettings } from "./python-environment.ts";
import { prepareFolder, processPlan } from "./task-process.ts";

/** The same number of folders up from `src/execute/kind` and from `dist/execute/kind`. */
export const pythonBootstrap = fileURLToPath(new URL("../../../python/bootstrap.py", import.meta.url));

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
  if (action.inline !== undefined) {
    const text = join(prepared.folder.root, "inline.py");
    writeNewFile(text, action.inline);
    return processPlan(context, prepared, [program, pythonBootstrap, "inline", text]);
  }
  if (codeFolder === undefined) {
    throw new AppError("setup_failed", `the code bundle with ${action.call ?? action.file ?? "the module"} is missing`);
  }
  return action.call === undefined
    ? processPlan(context, prepared, [program, pythonBootstrap, "file", action.file ?? ""])
    : processPlan(context, prepared, [program, pythonBootstrap, "call", action.call]);
}
