// Inputs of a run and outputs of a task against their declarations.
import { AppError } from "../error/app-error.ts";
import { evaluateTree } from "../expression/evaluate.ts";
import type { ExpressionContext } from "../expression/look-up.ts";
import { guess } from "../expression/nearest.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import { inlineValueBytesMax } from "../size.ts";
import type { CanonicalTask, CanonicalWorkflow, ValueDeclaration } from "./canonical.ts";
import { givesOf } from "./gives.ts";
import { findBrokenText } from "./plain-text.ts";
import { scopeAt } from "./scope-of.ts";
import { pointerOf } from "./source.ts";
import { checkValue, type ValueProblem } from "./values.ts";

export interface CheckedInputs {
  /** With the defaults filled in; to be used only where there are no problems. */
  readonly inputs: JsonObject;
  /** Pointers are into the inputs: `/url`. */
  readonly problems: readonly ValueProblem[];
}

/**
 * What a run gets: the given inputs, checked and never coerced, and the defaults of the others.
 * @param context `run` and `vars`, for defaults that are expressions
 */
export function checkInputs(
  document: CanonicalWorkflow,
  given: JsonObject,
  context: Pick<ExpressionContext, "run" | "vars"> = {},
): CheckedInputs {
  const declared = document.inputs ?? {};
  const broken = findBrokenText(given);
  if (broken !== undefined) {
    const detail = "a text cannot hold NUL or half of a surrogate pair";
    return { inputs: {}, problems: [{ code: "bad_value", detail, pointer: pointerOf(broken) }] };
  }
  const inputs: Record<string, JsonValue> = {};
  const problems: ValueProblem[] = [];
  for (const [name, value] of Object.entries(given)) {
    const declaration = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (declaration === undefined) {
      const hint = guess(name, Object.keys(declared));
      problems.push({
        code: "unknown",
        detail: `${name} is not an input of ${document.name}`,
        pointer: `/${name}`,
        ...(hint === undefined ? {} : { hint }),
      });
      continue;
    }
    inputs[name] = value;
    problems.push(...checkValue(declaration, value, [name]));
  }
  for (const [name, declaration] of Object.entries(declared)) {
    if (Object.hasOwn(given, name)) continue;
    if (declaration.default === undefined) {
      if (declaration.optional !== true)
        problems.push({ code: "missing", detail: `${name} has no default and must be given`, pointer: `/${name}` });
      continue;
    }
    const value = defaultOf(document, name, declaration, context);
    if (value.problem !== undefined) problems.push(value.problem);
    else {
      inputs[name] = value.value;
      problems.push(...checkValue(declaration, value.value, [name]));
    }
  }
  if (JSON.stringify(inputs).length > inlineValueBytesMax) {
    problems.push({ code: "too_big", detail: "all inputs together have at most 256 KiB", pointer: "" });
  }
  return { inputs, problems };
}

/** The answer to an approval against its form: checked like the inputs of a run. Pointers are into the form: `/reason`. */
export const checkForm = (
  task: string,
  form: Readonly<Record<string, ValueDeclaration>>,
  given: JsonObject,
): CheckedInputs => checkInputs({ version: 1, name: `the form of ${task}`, inputs: form, tasks: {} }, given);

type Evaluated = { readonly value: JsonValue; readonly problem?: undefined } | { readonly problem: ValueProblem };

function defaultOf(
  document: CanonicalWorkflow,
  name: string,
  declaration: ValueDeclaration,
  context: ExpressionContext,
): Evaluated {
  try {
    return { value: evaluateTree(declaration.default ?? null, context, { scope: scopeAt(document, "default") }) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return {
      problem: { code: "bad_value", detail: `the default of ${name} failed: ${error.message}`, pointer: `/${name}` },
    };
  }
}

export type ParsedInput = { readonly value: JsonValue; readonly detail?: undefined } | { readonly detail: string };

/** The value that a text on a command line stands for, by the declared type; `detail` says why there is none. */
export function parseInputText(declaration: ValueDeclaration, text: string): ParsedInput {
  if (declaration.nullable === true && text === "null") return { value: null };
  switch (declaration.type) {
    case "string":
      return { value: text };
    case "integer": {
      const value = Number(text);
      return /^[+-]?\d+$/.test(text) && Number.isSafeInteger(value)
        ? { value }
        : { detail: `"${text}" is no whole number` };
    }
    case "number": {
      const value = Number(text);
      return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) && Number.isFinite(value)
        ? { value }
        : { detail: `"${text}" is no number` };
    }
    case "boolean":
      return text === "true" || text === "false"
        ? { value: text === "true" }
        : { detail: `"${text}" is neither true nor false` };
    case "array":
    case "object":
      try {
        return { value: JSON.parse(text) as JsonValue }; // what JSON.parse yields
      } catch {
        return { detail: `"${text.slice(0, 60)}" is no JSON` };
      }
    case "file":
      return { detail: "a file cannot be given as text" };
  }
}

export interface OutputProblem {
  readonly code: "output_missing" | "output_invalid" | "output_too_large";
  readonly detail: string;
  readonly pointer: string;
}
export interface CheckedOutputs {
  readonly outputs: JsonObject;
  readonly problems: readonly OutputProblem[];
  /** Names that the task gave and did not declare; they are gone. */
  readonly dropped: readonly string[];
}

/** The outputs of a succeeded attempt against what its task declares and its action gives. */
export function checkOutputs(task: CanonicalTask, outputs: JsonObject): CheckedOutputs {
  const declared: Readonly<Record<string, ValueDeclaration>> = { ...givesOf(task.action), ...task.outputs };
  const broken = findBrokenText(outputs);
  if (broken !== undefined) {
    const detail = "an output cannot hold NUL or half of a surrogate pair";
    return { outputs: {}, problems: [{ code: "output_invalid", detail, pointer: pointerOf(broken) }], dropped: [] };
  }
  const kept: Record<string, JsonValue> = {};
  const dropped: string[] = [];
  const problems: OutputProblem[] = [];
  for (const [name, value] of Object.entries(outputs)) {
    const declaration = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (declaration === undefined) {
      dropped.push(name);
      continue;
    }
    kept[name] = value;
    // What an action gives by itself is of any type where it says nullable (the body of an answer).
    if (task.outputs?.[name] === undefined && declaration.nullable === true) continue;
    for (const { detail, pointer } of checkValue(declaration, value, [name]))
      problems.push({ code: "output_invalid", detail: `output ${detail}`, pointer });
  }
  for (const [name, declaration] of Object.entries(task.outputs ?? {})) {
    if (Object.hasOwn(outputs, name)) continue;
    if (declaration.default !== undefined) kept[name] = evaluateTree(declaration.default, {});
    else
      problems.push({ code: "output_missing", detail: `output ${name} is declared and missing`, pointer: `/${name}` });
  }
  if (new TextEncoder().encode(JSON.stringify(kept)).length > inlineValueBytesMax) {
    problems.push({
      code: "output_too_large",
      detail: "the outputs of a task have at most 256 KiB; make the large one a file",
      pointer: "",
    });
  }
  return { outputs: kept, problems, dropped };
}
