// The outputs file: one JSON object, or lines `key=value` and blocks `key<<END` … `END` that take the declared types.
import type { JsonObject, JsonValue, ValueDeclaration } from "@capstan/proto";

export type ParsedOutputs =
  | { readonly kind: "outputs"; readonly values: JsonObject }
  | { readonly kind: "invalid"; readonly message: string };

const invalid = (message: string): ParsedOutputs => ({ kind: "invalid", message });
const keyPattern = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;

/**
 * @param text at most 256 KiB
 * @param declared types that lines are turned into; an undeclared key stays text
 */
export function parseOutputs(text: string, declared: Readonly<Record<string, ValueDeclaration>>): ParsedOutputs {
  const start = text.search(/[^\s\ufeff]/);
  if (start < 0) return { kind: "outputs", values: {} };
  return text[start] === "{" ? parseObject(text) : parseLines(text, declared);
}

function parseObject(text: string): ParsedOutputs {
  let value: JsonObject;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, "")) as JsonObject; // it begins with `{`, so it is an object if it parses
  } catch (error) {
    return invalid(`the outputs are not JSON: ${jsonProblem(text, error)}`);
  }
  const double = doubledKey(text);
  return double === undefined ? { kind: "outputs", values: value } : invalid(`the output ${double} is written twice`);
}

/** Node's message quotes the text around the place; only the place is passed on, as line and column. */
function jsonProblem(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  const at = /at position ([0-9]+)/.exec(message)?.[1];
  if (at === undefined) return "they end too early";
  const before = text.slice(0, Number(at));
  const line = before.split("\n").length;
  return `unexpected text at line ${line}, column ${before.length - before.lastIndexOf("\n")}`;
}

/** The first key that the outermost object of valid JSON has twice; JSON.parse would keep the last in silence. */
function doubledKey(json: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (character === '"') {
      const start = i;
      for (i++; json[i] !== '"'; i++) if (json[i] === "\\") i++;
      if (depth !== 1 || !/^\s*:/.test(json.slice(i + 1, i + 64))) continue;
      const key: unknown = JSON.parse(json.slice(start, i + 1));
      if (typeof key !== "string") continue;
      if (seen.has(key)) return key;
      seen.add(key);
    }
  }
  return undefined;
}

function parseLines(text: string, declared: Readonly<Record<string, ValueDeclaration>>): ParsedOutputs {
  const values: Record<string, JsonValue> = {};
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    if (line.trim() === "") continue;
    const first = /=|<</.exec(line);
    const key = line.slice(0, first?.index ?? 0);
    if (first === null || !keyPattern.test(key)) {
      return invalid(`line ${i + 1} of the outputs is neither key=value nor key<<END (nor is the file a JSON object)`);
    }
    if (Object.hasOwn(values, key))
      return invalid(`the output ${key} is written twice, the second time at line ${i + 1}`);
    let raw = line.slice(first.index + first[0].length);
    if (first[0] === "<<") {
      const end = lines.indexOf(raw, i + 1);
      if (raw === "" || end < 0)
        return invalid(`the block of ${key} at line ${i + 1} has no end line ${JSON.stringify(raw.slice(0, 40))}`);
      raw = lines.slice(i + 1, end).join("\n");
      i = end;
    }
    const value = typed(raw, Object.hasOwn(declared, key) ? declared[key] : undefined);
    if (value === undefined) {
      return invalid(
        `the output ${key} at line ${i + 1} is declared as ${declared[key]?.type ?? "text"}, but the text there is none`,
      );
    }
    values[key] = value;
  }
  return { kind: "outputs", values };
}

/** Text as a value of the declared type; undefined where it is none. */
function typed(raw: string, declaration: ValueDeclaration | undefined): JsonValue | undefined {
  const type = declaration?.type ?? "string";
  if (type === "string") return raw;
  const text = raw.trim();
  if (declaration?.nullable === true && text === "null") return null;
  switch (type) {
    case "integer": {
      const number = Number(text);
      return /^[+-]?[0-9]+$/.test(text) && Number.isSafeInteger(number) ? number : undefined;
    }
    case "number": {
      const number = Number(text);
      return text !== "" && Number.isFinite(number) && /^[-+0-9.eE]+$/.test(text) ? number : undefined;
    }
    case "boolean":
      return text === "true" ? true : text === "false" ? false : undefined;
    case "file":
      return { $file: text };
    case "array":
    case "object":
      try {
        return JSON.parse(text) as JsonValue; // JSON by construction
      } catch {
        return undefined;
      }
  }
}
