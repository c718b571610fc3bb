// What all actions that start a program have in common: folder, inputs, environment, secrets, and the end.
import { join } from "node:path";
import { evaluateTree, type CanonicalTask, type JsonObject, type JsonValue } from "@capstan/proto";
import type { SecretResolver } from "../../secrets/resolver.ts";
import { unpackBundle } from "../../workspace/bundle.ts";
import {
  emptyInputsFile,
  exchange,
  makeFolderParts,
  writeNewFile,
  type AttemptFolder,
} from "../../workspace/directory.ts";
import { writeSecrets } from "../../workspace/secret-folder.ts";
import type { ExecutorContext, Prepared, WarmStart } from "../executor.ts";
import { addAuthorVariables, protocolVariables, type HostVariables } from "./environment.ts";
import { failed, failure } from "./failure.ts";
import { finishProcess } from "./finish-process.ts";
import { hasFiles, InputFiles } from "./input-files.ts";
import { contextOf, resolveMarks } from "./resolve-fields.ts";

export interface TaskFolder {
  readonly folder: AttemptFolder;
  readonly codeFolder: string | undefined;
  readonly variables: Record<string, string>;
}

const isEmpty = (object: object | undefined): boolean => object === undefined || Object.keys(object).length === 0;

/** Makes folder, files, secrets and environment of a program. Only what the task uses is written. */
export async function prepareFolder(
  context: ExecutorContext,
  resolver: SecretResolver,
  host: HostVariables,
): Promise<TaskFolder> {
  const { task } = context;
  const folder = makeFolderParts(context.attemptDir, context.spaceDir, mayLeaveFiles(task));
  const codeFolder = context.bundle === undefined ? undefined : unpackBundle(context.cacheDir, context.bundle);
  const files = new InputFiles(context, folder);
  let secretsFolder: string | undefined;
  let env: JsonObject = {};
  let secrets: ReadonlyMap<string, string> = new Map();
  let values: JsonValue = {};
  if (!isEmpty(task.with) || !isEmpty(task.env)) {
    const expressions = contextOf(context);
    values = evaluateTree(task.with ?? {}, expressions);
    env = evaluateTree(task.env ?? {}, expressions) as JsonObject; // an object in, an object out
    secrets = await resolveMarks([values, env], context, resolver);
    if (secrets.size > 0) {
      secretsFolder = writeSecrets(context.attemptDir, secrets);
    }
    if (hasFiles(values)) values = await files.withPaths(values);
  }
  const inputsFile = isEmpty(task.with) ? emptyInputsFile(context.cacheDir) : join(folder.root, exchange.inputs);
  if (!isEmpty(task.with)) writeNewFile(inputsFile, JSON.stringify(values));
  const variables = protocolVariables(context, folder, { codeFolder, secretsFolder, inputsFile }, host);
  if (!isEmpty(env)) await addAuthorVariables(variables, env, secrets, files);
  return { folder, codeFolder, variables };
}

/** True where a declared output is a file or may hold one. */
const mayLeaveFiles = (task: CanonicalTask): boolean =>
  Object.values(task.outputs ?? {}).some(({ type }) => type === "file" || type === "array" || type === "object");

/** The plan for a program in a prepared folder. */
export const processPlan = (
  context: ExecutorContext,
  prepared: TaskFolder,
  argv: readonly [string, ...string[]],
  { cwd = prepared.folder.work, warm }: { readonly cwd?: string; readonly warm?: WarmStart | undefined } = {},
): Prepared => ({
  kind: "process",
  argv,
  env: prepared.variables,
  cwd,
  warm,
  eventsFile: join(prepared.folder.root, exchange.events),
  cancelFile: join(prepared.folder.root, exchange.cancel),
  collect: async (exit) => {
    try {
      return await finishProcess(exit, context, prepared.folder);
    } catch (error) {
      // The only thing that throws is the way to the store; the work was done, so it is worth another try.
      const text = error instanceof Error ? error.message : String(error);
      return failed(failure("error", "file_unavailable", `the task's files could not be stored: ${text}`), {
        retryable: true,
      });
    }
  },
});
