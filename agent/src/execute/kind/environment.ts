// The whole environment of a task: the protocol's variables, the author's `env`, and four of the host. Nothing else:
// the agent's own variables hold its configuration and the secrets that `env:` refers to.
import { AppError, type JsonObject, type JsonValue } from "@capstan/proto";
import { exchange, type AttemptFolder } from "../../workspace/directory.ts";
import type { ExecutorContext } from "../executor.ts";
import { fileOf, type InputFiles } from "./input-files.ts";
import { markOf, secretOf, type SecretValues } from "./resolve-fields.ts";

export const pathDefault = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Variables of the host that are passed on. */
export interface HostVariables {
  readonly PATH: string;
  readonly HOME: string;
  readonly LANG: string;
}
export const hostVariables = (environment: Readonly<Record<string, string | undefined>>): HostVariables => ({
  PATH: environment["PATH"] || pathDefault,
  HOME: environment["HOME"] || "/",
  LANG: environment["LANG"] || "C.UTF-8",
});

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** Variables of the protocol (docs/language.md, "The file protocol of a task"), without `env`. */
export function protocolVariables(
  context: ExecutorContext,
  folder: AttemptFolder,
  more: {
    readonly codeFolder?: string | undefined;
    readonly secretsFolder?: string | undefined;
    readonly inputsFile: string;
  },
  host: HostVariables,
): Record<string, string> {
  const { attempt, document } = context;
  const root = folder.root;
  const variables: Record<string, string> = {
    PATH: host.PATH,
    HOME: host.HOME,
    LANG: host.LANG,
    TMPDIR: folder.temporary,
    CAPSTAN_INPUTS: more.inputsFile,
    CAPSTAN_OUTPUTS: `${root}/${exchange.outputs}`,
    CAPSTAN_OUT_DIR: folder.out,
    CAPSTAN_EVENTS: `${root}/${exchange.events}`,
    CAPSTAN_SUMMARY: `${root}/${exchange.summary}`,
    CAPSTAN_ERROR: `${root}/${exchange.error}`,
    CAPSTAN_CANCEL: `${root}/${exchange.cancel}`,
    CAPSTAN_PROJECT: attempt.project,
    CAPSTAN_WORKFLOW: document.name,
    CAPSTAN_VERSION: attempt.specDigest,
    CAPSTAN_RUN_ID: attempt.run,
    CAPSTAN_TASK: attempt.task,
    CAPSTAN_INDEX: String(attempt.index),
    CAPSTAN_ATTEMPT: String(attempt.number),
    CAPSTAN_ATTEMPT_ID: attempt.attempt,
    CAPSTAN_EPOCH: String(attempt.epoch),
    TRACEPARENT: attempt.traceparent,
  };
  const run = attempt.inputs["run"];
  if (typeof run === "object" && run !== null && !Array.isArray(run)) {
    const { url, scheduledAt, window } = run as JsonObject; // an object, as just checked
    const bounds: JsonObject =
      typeof window === "object" && window !== null && !Array.isArray(window) ? (window as JsonObject) : {}; // likewise
    const known: Readonly<Record<string, string | undefined>> = {
      CAPSTAN_RUN_URL: textOf(url),
      CAPSTAN_SCHEDULED_AT: textOf(scheduledAt),
      CAPSTAN_WINDOW_START: textOf(bounds["start"]),
      CAPSTAN_WINDOW_END: textOf(bounds["end"]),
    };
    for (const [name, value] of Object.entries(known)) if (value !== undefined) variables[name] = value;
  }
  if (more.codeFolder !== undefined) variables["CAPSTAN_CODE_DIR"] = more.codeFolder;
  if (more.secretsFolder !== undefined) variables["CAPSTAN_SECRETS_DIR"] = more.secretsFolder;
  return variables;
}

const variablesBytesMax = 128 * 1024;
const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Adds the author's `env`: text, numbers and booleans as text, a File as its local path, a Secret as its value.
 * @throws expression_failed for what is none of these or above 128 KiB
 */
export async function addAuthorVariables(
  variables: Record<string, string>,
  env: Readonly<Record<string, JsonValue>>,
  secrets: SecretValues,
  files: InputFiles,
): Promise<void> {
  let bytes = 0;
  for (const [name, value] of Object.entries(env)) {
    if (!namePattern.test(name) || name.startsWith("CAPSTAN_")) {
      throw new AppError("expression_failed", `env.${name} is no name for a variable of a task`);
    }
    if (value === null) continue;
    const mark = markOf(value);
    const file = fileOf(value);
    const text =
      mark !== undefined
        ? secretOf(mark, secrets)
        : file !== undefined
          ? await files.pathOf(file)
          : typeof value === "object"
            ? undefined
            : String(value);
    if (text === undefined || text.includes("\0")) {
      throw new AppError(
        "expression_failed",
        `env.${name} is ${text === undefined ? "a list or an object; use toJSON(…)" : "text with a NUL character"}`,
      );
    }
    bytes += name.length + Buffer.byteLength(text) + 2;
    if (bytes > variablesBytesMax)
      throw new AppError("expression_failed", "env is larger than 128 KiB; pass large values in with");
    variables[name] = text;
  }
}
