// What an executor says about the end of an attempt, masked and within the limits of a frame.
import {
  dangerIn,
  inlineValueBytesMax,
  messageBytesMax,
  type AttemptEventType,
  type Failure,
  type FinishItem,
  type JsonObject,
} from "@capstan/proto";
import type { Finished } from "../execute/executor.ts";
import type { Masking } from "./redact.ts";

/** Leaves room for the other keys of a frame. */
const outputKeysMax = 9000;

/** JSON with every secret masked. */
export function maskedJson<T extends JsonObject>(value: T, masking: Masking): T {
  if (masking.automaton === undefined) return value;
  try {
    return JSON.parse(masking.text(JSON.stringify(value))) as T; // masking changes texts, not the shape
  } catch {
    // A mask that met JSON's own characters. Nothing of it may leave.
    return {} as T; // every caller's type allows an empty object
  }
}

export function wordOf(finished: Finished, masking: Masking): Partial<FinishItem> {
  const { failure, outputs, summary, outcome: _, ...rest } = finished;
  const danger = outputs === undefined ? undefined : outputsDanger(outputs);
  if (danger !== undefined) {
    return { ...rest, failure: { class: "output", code: "output_invalid", message: danger } };
  }
  return {
    ...rest,
    ...(failure === undefined
      ? {}
      : { failure: { ...failure, message: masking.text(failure.message).slice(0, messageBytesMax) } }),
    ...(outputs === undefined ? {} : { outputs: maskedJson(outputs, masking) }),
    ...(summary === undefined ? {} : { summary: masking.text(summary).slice(0, inlineValueBytesMax) }),
  };
}

/** Failures in our own words, which hold nothing of the task's. */
const ourOwn: ReadonlySet<string> = new Set(["setup", "timeout", "oom", "lost", "runner_lost", "policy", "rejected"]);
const typePattern = /^[A-Za-z_][A-Za-z0-9_.]{0,99}$/;

/** What may be told of a task whose words stay on its host: code and type. The rest goes into its log. */
export function keptWord(word: Partial<FinishItem>, note: (text: string) => void): Partial<FinishItem> {
  const { summary, failure, ...rest } = word;
  if (summary !== undefined) note(`capstan: summary\n${summary}`);
  if (failure === undefined || ourOwn.has(failure.class)) return failure === undefined ? rest : { ...rest, failure };
  const { message, file, line, type, ...told } = failure;
  note(`capstan: ${message}${file === undefined ? "" : ` (${file}:${line ?? 0})`}`);
  return {
    ...rest,
    failure: {
      ...told,
      ...(type !== undefined && typePattern.test(type) ? { type } : {}),
      message: "its message stays with its log, on its agent",
    },
  };
}

/** Of what such a task tells while it runs, only how far it has come is told; undefined where nothing is. */
export function keptEvent(
  type: AttemptEventType,
  body: JsonObject,
  note: (text: string) => void,
): JsonObject | undefined {
  const { done, total } = body;
  if (type === "progress" && typeof done === "number") return { done, ...(typeof total === "number" ? { total } : {}) };
  note(`capstan: ${type} ${JSON.stringify(body)}`);
  return undefined;
}

export const stoppedBefore: Finished = {
  outcome: "failed",
  failure: { class: "error", code: "signal", message: "stopped before it could end" },
};

function outputsDanger(outputs: JsonObject): string | undefined {
  if (JSON.stringify(outputs).length > inlineValueBytesMax) {
    return `the outputs are larger than ${inlineValueBytesMax} bytes; write a file and give it out by name`;
  }
  return dangerIn(outputs, outputKeysMax);
}

export function setupFailure(error: unknown): Failure {
  const code =
    typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : "";
  return { class: "setup", code: /^[a-z_]+$/.test(code) ? code : "setup_failed", message: messageOf(error) };
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
