// `-i key=value` and `--inputs FILE`: text from a command line, as values of the declared types.
import { readFileSync } from "node:fs";
import {
  AppError,
  parseInputText,
  type JsonObject,
  type JsonValue,
  type Problem,
  type RouteBody,
} from "@capstan/proto";
import { parse } from "yaml";
import { didYouMean } from "./suggestion.ts";

/** Declarations of a workflow's inputs: only their types are read here, the control plane checks the rest. */
export type Declarations = Readonly<Record<string, JsonValue>>;

/** Inputs as the contract takes them. */
export type RunInputs = NonNullable<RouteBody<"runStart">["inputs"]>;

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const refuse = (name: string, detail: string): AppError => {
  const problem: Problem = { code: "inputs_invalid", pointer: `/inputs/${name}`, detail };
  return new AppError("inputs_invalid", detail, { problems: [problem] });
};

const types = ["string", "integer", "number", "boolean", "array", "object", "file"] as const;

/** The declared type; what is not declared in a form that we know is text, and the control plane decides. */
function typeOf(declaration: JsonValue | undefined): (typeof types)[number] {
  const said = isObject(declaration) ? declaration["type"] : declaration;
  return types.find((type) => type === said) ?? "string";
}

function parseValue(name: string, text: string, declaration: JsonValue | undefined): JsonValue {
  const isNullable = isObject(declaration) && declaration["nullable"] === true;
  const parsed = parseInputText({ type: typeOf(declaration), ...(isNullable ? { nullable: true } : {}) }, text);
  if (parsed.detail !== undefined)
    throw refuse(name, `${name} must be of type ${typeOf(declaration)}: ${parsed.detail}`);
  return parsed.value;
}

/** The text of a file; `-` is standard input. @throws file_unreadable */
export function readText(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    throw new AppError("file_unreadable", `${placeOf(path)} cannot be read`, { cause: error });
  }
}

const placeOf = (path: string): string => (path === "-" ? "standard input" : path);

function parseText(text: string, file: string): JsonValue {
  try {
    return parse(text, { maxAliasCount: 100, merge: false }) as JsonValue; // YAML of core schema is JSON's values
  } catch (error) {
    const [first = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    const detail = `${placeOf(file)} is neither YAML nor JSON: ${first.replace(/:$/, "")}`;
    throw new AppError("inputs_invalid", detail, { cause: error });
  }
}

/**
 * `--set /tasks/load/timeout=20m`: a place of the workflow and a value, written as in its file.
 * @throws usage, and inputs_invalid for a value that is no YAML
 */
export function readOverrides(pairs: readonly string[]): NonNullable<RouteBody<"runStart">["overrides"]> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at <= 0 || !pair.startsWith("/"))
        throw new AppError("usage", `--set ${pair} is not written /tasks/TASK/KEY=VALUE`);
      const pointer = pair.slice(0, at);
      return [pointer, parseText(pair.slice(at + 1), `the value of ${pointer}`)];
    }),
  ) as NonNullable<RouteBody<"runStart">["overrides"]>; // the same values; the schema of the contract only lacks the word readonly
}

/** A map of names and values from a file, YAML or JSON; `-` is standard input. @throws file_unreadable inputs_invalid */
export function readMap(file: string, of: "inputs" | "outputs"): JsonObject {
  const given = parseText(readText(file), file);
  if (!isObject(given))
    throw new AppError("inputs_invalid", `${placeOf(file)} must hold a map of ${of}: name and value`);
  return given;
}

/** Maps of inputs from a file: a list in YAML or JSON, or one JSON object a line. @throws file_unreadable inputs_invalid */
export function readValues(file: string): RunInputs[] {
  const text = readText(file);
  const refused = (detail: string): AppError => new AppError("inputs_invalid", `${placeOf(file)}: ${detail}`);
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const isLines = lines.length > 0 && lines.every((line) => line.trimStart().startsWith("{"));
  const values: unknown = isLines
    ? lines.map((line, index): unknown => {
        try {
          return JSON.parse(line);
        } catch {
          throw refused(`line ${index + 1} is no JSON object`);
        }
      })
    : parseText(text, file);
  if (!Array.isArray(values)) throw refused("a list is needed, with a map of inputs for each run");
  return values.map((value: JsonValue, index) => {
    if (!isObject(value)) throw refused(`value ${index} is no map of inputs: name and value`);
    return value as RunInputs; // the same values; the schema of the contract only lacks the word readonly
  });
}

/**
 * The inputs of a run: those of the file first, then the single ones over them.
 * @param pairs `key=value`, or `key=@file` for the text of a file
 * @throws usage inputs_invalid file_unreadable
 */
export function readInputs(pairs: readonly string[], file: string | undefined, declarations: Declarations): RunInputs {
  const inputs: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>; // no prototype: keys come from people
  if (file !== undefined) Object.assign(inputs, readMap(file, "inputs"));
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at <= 0) throw new AppError("usage", `-i ${pair} is not written key=value`);
    const name = pair.slice(0, at);
    if (!Object.hasOwn(declarations, name)) {
      throw refuse(name, `${name} is no input of this workflow.${didYouMean(name, Object.keys(declarations))}`);
    }
    const text = pair.slice(at + 1);
    inputs[name] = parseValue(name, text.startsWith("@") ? readText(text.slice(1)) : text, declarations[name]);
  }
  return { ...inputs } as RunInputs; // the same values; the schema of the contract only lacks the word readonly
}
