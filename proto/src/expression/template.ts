// Text with expressions: `characters`, `${{ CEL }}`, and `$${{` for a literal `${{`.
//  P1. An expression ends at the first `}}` outside CEL strings and comments with its braces balanced.
//  P2. A text that is one expression and nothing else keeps the type of its value.
import type { Expr, Text } from "../workflow/canonical.ts";
import { expressionCharactersMax } from "./syntax.ts";

export interface TemplateExpression {
  /** The expression as written, without the braces. */
  readonly source: string;
  /** Offset of `source` in the text. */
  readonly at: number;
}
export type TemplatePart = string | TemplateExpression;
export interface TemplateError {
  readonly detail: string;
  /** Offset in the text. */
  readonly at: number;
}
export type Template =
  | { readonly parts: readonly TemplatePart[]; readonly error?: undefined }
  | { readonly error: TemplateError };

const open = "${{";

/** Splits a text. Literal parts have their `$${{` undone. */
export function parseTemplate(text: string): Template {
  if (!text.includes(open)) return { parts: text === "" ? [] : [text] };
  const parts: TemplatePart[] = [];
  let literal = "";
  let at = 0;
  while (at < text.length) {
    const next = text.indexOf(open, at);
    if (next < 0) {
      literal += text.slice(at);
      break;
    }
    if (next > at && text[next - 1] === "$") {
      literal += text.slice(at, next - 1) + open;
      at = next + open.length;
      continue;
    }
    literal += text.slice(at, next);
    const from = next + open.length;
    const end = expressionEnd(text, from);
    if (end < 0) return { error: { detail: "the expression has no end: `}}` is missing", at: next } };
    const source = text.slice(from, end);
    if (source.trim() === "") return { error: { detail: "the expression is empty", at: next } };
    if (source.length > expressionCharactersMax) {
      return { error: { detail: `an expression has at most ${expressionCharactersMax} characters`, at: next } };
    }
    if (literal !== "") parts.push(literal);
    literal = "";
    parts.push({ source, at: from });
    at = end + 2;
  }
  if (literal !== "") parts.push(literal);
  return { parts };
}

/** The expression of a text that is nothing else, white space around it allowed only inside the braces. */
export const soleExpression = (parts: readonly TemplatePart[]): TemplateExpression | undefined => {
  const [first] = parts;
  return parts.length === 1 && typeof first === "object" ? first : undefined;
};

function expressionEnd(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const skipped = skipToken(text, at);
    if (skipped > at) {
      at = skipped;
      continue;
    }
    const char = text[at];
    if (char === "{") depth++;
    else if (char === "}") {
      if (depth === 0) return text[at + 1] === "}" ? at : -1;
      depth--;
    }
    at++;
  }
  return -1;
}

/** Where a CEL string or comment that begins at `at` ends; `at` itself where none begins. */
function skipToken(text: string, at: number): number {
  const char = text[at];
  if (char === "/" && text[at + 1] === "/") {
    const end = text.indexOf("\n", at);
    return end < 0 ? text.length : end;
  }
  if (char !== '"' && char !== "'") return at;
  const quote = text.startsWith(char.repeat(3), at) ? char.repeat(3) : char;
  const raw =
    /[rR][bB]?$/.test(text.slice(Math.max(0, at - 2), at)) &&
    !/[A-Za-z0-9_][rR]$/.test(text.slice(Math.max(0, at - 2), at));
  let end = at + quote.length;
  while (end < text.length && !text.startsWith(quote, end)) end += text[end] === "\\" && !raw ? 2 : 1;
  return Math.min(end + quote.length, text.length);
}

/** White space outside strings as one blank, none at the ends, comments gone. */
export function normalizedExpression(source: string): string {
  let out = "";
  let at = 0;
  while (at < source.length) {
    const skipped = skipToken(source, at);
    if (skipped > at) {
      if (source[at] !== "/") out += source.slice(at, skipped);
      else if (!out.endsWith(" ")) out += " ";
      at = skipped;
      continue;
    }
    const char = source[at] ?? "";
    if (/\s/.test(char)) {
      // A string ends in its quote, so a blank at the end is always one of ours.
      if (!out.endsWith(" ")) out += " ";
    } else out += char;
    at++;
  }
  return out.trim();
}

/** The canonical value of a text: a string, `{ $expr }` or `{ $text }`. The text must parse. */
export function canonicalText(text: string): string | Expr | Text {
  const template = parseTemplate(text);
  if (template.error !== undefined) return text;
  const sole = soleExpression(template.parts);
  if (sole !== undefined) return { $expr: normalizedExpression(sole.source) };
  if (template.parts.every((part) => typeof part === "string")) return template.parts.join("");
  return {
    $text: template.parts.map((part) =>
      typeof part === "string" ? part : { $expr: normalizedExpression(part.source) },
    ),
  };
}

/** Bare CEL, with one `${{ }}` around it allowed. */
export function bareExpression(text: string): TemplateExpression {
  const template = parseTemplate(text.trim());
  const sole = template.error === undefined ? soleExpression(template.parts) : undefined;
  if (sole === undefined) return { source: text, at: 0 };
  return { source: sole.source, at: sole.at + (text.length - text.trimStart().length) };
}
