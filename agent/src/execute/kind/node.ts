// `node`: an export of a module in the bundle, or text, in the Node that the agent itself runs on.
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { AppError, type NodeAction } from "@capstan/proto";
import type { SecretResolver } from "../../secrets/resolver.ts";
import { writeNewFile } from "../../workspace/directory.ts";
import { relativeParts } from "../../workspace/open-beneath.ts";
import type { ExecutorContext, Prepared } from "../executor.ts";
import type { HostVariables } from "./environment.ts";
import { prepareFolder, processPlan } from "./task-process.ts";

/** Beside this module, with the same ending: `.ts` from source, `.js` when built. */
const bootstrap = fileURLToPath(
  new URL(`./node-bootstrap${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
);

/** @throws setup_failed, and what making the folder throws */
export async function prepareNode(
  context: ExecutorContext,
  action: NodeAction,
  resolver: SecretResolver,
  host: HostVariables,
): Promise<Prepared> {
  const prepared = await prepareFolder(context, resolver, host);
  prepared.variables["CAPSTAN_OUTPUT_NAMES"] = Object.keys(context.task.outputs ?? {}).join(",");
  if (action.inline !== undefined) {
    const text = join(prepared.folder.root, "inline.mjs");
    writeNewFile(text, action.inline);
    return processPlan(context, prepared, [process.execPath, bootstrap, pathToFileURL(text).href, "default"]);
  }
  const [file = "", exported = "default"] = (action.file ?? action.entry ?? "").split("#");
  if (prepared.codeFolder === undefined || relativeParts(file) === undefined) {
    throw new AppError("setup_failed", `the code bundle with ${file || "the module"} is missing`);
  }
  const module = pathToFileURL(join(prepared.codeFolder, file)).href;
  return processPlan(context, prepared, [process.execPath, bootstrap, module, exported]);
}
