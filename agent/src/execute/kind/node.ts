// `node`: an export of a module in the bundle, or text, in the Node that the agent itself runs on.
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { AppError, type NodeAction } from "@capstan/proto";
import type { SecretResolver } from "../../secrets/resolver.ts";
import { writeNewFile } from "../../workspace/directory.ts";
import { relativeParts } from "../../workspace/open-beneath.ts";
import type { ExecutorContext, Prepared, WarmStart } from "../executor.ts";
import type { HostVariables } from "./environment.ts";
import { prepareFolder, processPlan } from "./task-process.ts";
import { warmKeyOf } from "./warm-key.ts";

/** Beside this module, with the same ending: `.ts` from source, `.js` when built. */
const programNamed = (name: string): string =>
  fileURLToPath(new URL(`./${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));
const bootstrap = programNamed("node-bootstrap");
const warmProgram = programNamed("node-warm");

/** @throws setup_failed, and what making the folder throws */
export async function prepareNode(
  context: ExecutorContext,
  action: NodeAction,
  resolver: SecretResolver,
  host: HostVariables,
): Promise<Prepared> {
  const prepared = await prepareFolder(context, resolver, host);
  prepared.variables["CAPSTAN_OUTPUT_NAMES"] = Object.keys(context.task.outputs ?? {}).join(",");
  const module =
    action.inline === undefined
      ? bundledModule(action, prepared.codeFolder)
      : inlineModule(context, action, prepared.folder.root);
  return processPlan(context, prepared, [process.execPath, bootstrap, module.target, module.exported], {
    warm: action.warm === true ? warmStart(context, module, prepared.codeFolder, host) : undefined,
  });
}

interface Module {
  /** A URL. */
  readonly target: string;
  readonly exported: string;
}

/**
 * A text of its own is a file of the attempt. For an interpreter that is kept it is a module by its content, so that it is
 * loaded once.
 */
function inlineModule(context: ExecutorContext, { inline = "", warm }: NodeAction, root: string): Module {
  const name = "inline.mjs";
  if (warm !== true) {
    writeNewFile(join(root, name), inline);
    return { target: pathToFileURL(join(root, name)).href, exported: "default" };
  }
  const folder = join(context.cacheDir, "inline", createHash("sha256").update(inline).digest("hex"));
  const path = join(folder, name);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const made = `${path}.${randomUUID()}`;
    writeNewFile(made, inline, 0o444);
    renameSync(made, path);
  }
  return { target: pathToFileURL(path).href, exported: "default" };
}

function bundledModule(action: NodeAction, codeFolder: string | undefined): Module {
  const [file = "", exported = "default"] = (action.file ?? action.entry ?? "").split("#");
  if (codeFolder === undefined || relativeParts(file) === undefined) {
    throw new AppError("setup_failed", `the code bundle with ${file || "the module"} is missing`);
  }
  return { target: pathToFileURL(join(codeFolder, file)).href, exported };
}

function warmStart(
  context: ExecutorContext,
  module: Module,
  codeFolder: string | undefined,
  host: HostVariables,
): WarmStart | undefined {
  const argv = [process.execPath, warmProgram] as const;
  const key = warmKeyOf(context, argv);
  if (key === undefined) return undefined;
  const env = { ...host, ...(codeFolder === undefined ? {} : { CAPSTAN_CODE_DIR: codeFolder }) };
  return { key, argv, env, order: { ...module } };
}
