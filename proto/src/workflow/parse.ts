// Text → JSON with the place of every part. Everything that YAML can do and a workflow must not is refused here.
//  Y1. One document, YAML 1.2 core, no tags, no merge keys, at most 100 alias expansions, counted as they are expanded.
//  Y2. Size, depth, keys and nodes are bounded before anything walks the result.
//  Y3. What text becomes is what it says: no octal-looking numbers, no integers that JSON would round.
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  parseAllDocuments,
  type Document,
  type Node,
  type Pair,
  type YAMLError,
} from "yaml";
import type { JsonValue } from "../json.ts";
import { isReservedKey } from "../plain-value.ts";
import { workflowBytesMax } from "../size.ts";
import { isPlainText } from "./plain-text.ts";
import { ProblemList } from "./problems.ts";
import { pointerOf, SourceText } from "./source.ts";

export const depthMax = 64;
export const keysMax = 10_000;
export const aliasesMax = 100;
const nodesMax = 100_000;
/** The parser takes about 15 µs a token; texts below `lexedAbove` characters cannot hold many. */
const tokensMax = 150_000;
const lexedAbove = 160 * 1024;

export interface ParsedDocument {
  readonly value: JsonValue | undefined;
  readonly source: SourceText;
  readonly problems: ProblemList;
}

/** Reads the text of a workflow. `value` is undefined where the text is too broken to be looked at any further. */
export function parseDocument(text: string, file: string | undefined): ParsedDocument {
  const source = new SourceText(text);
  const problems = new ProblemList(source, file);
  const refused: ParsedDocument = { value: undefined, source, problems };
  if (new TextEncoder().encode(text).length > workflowBytesMax) {
    problems.addAt(0, { code: "too_large", detail: "a workflow file has at most 1 MiB" });
    return refused;
  }
  if (nestsTooDeep(text)) {
    problems.addAt(0, { code: "too_large", detail: `a workflow nests at most ${depthMax} levels` });
    return refused;
  }
  if (text.length > lexedAbove && hasTooManyTokens(text)) {
    problems.addAt(0, { code: "too_large", detail: `a workflow has at most ${keysMax} keys and ${nodesMax} values` });
    return refused;
  }
  const document = composed(text, problems);
  if (document === undefined) return refused;
  const walk = new Walk(source, problems);
  const value = document.contents === null ? {} : walk.value(document.contents, "", 0);
  source.mark("", { keyAt: 0, valueAt: document.contents?.range?.[0] ?? 0, node: document.contents ?? undefined });
  return walk.stopped || problems.hasErrors ? { ...refused, value: undefined } : { value, source, problems };
}

/** Brackets alone can nest deeper than a parser's stack; indentation cannot within 1 MiB of useful text. */
function nestsTooDeep(text: string): boolean {
  let run = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // 91 [ 123 { 45 - 63 ? count as openings when nothing but blanks stands between them.
    if (code === 91 || code === 123 || code === 45 || code === 63) run++;
    else if (code !== 32 && code !== 10 && code !== 13 && code !== 9) run = 0;
    if (code === 45 && text.charCodeAt(at + 1) === 45) run = 0;
    if (run > 4 * depthMax) return true;
  }
  return false;
}

function hasTooManyTokens(text: string): boolean {
  let tokens = 0;
  for (const _ of new Lexer().lex(text)) if (++tokens > tokensMax) return true;
  return false;
}

function composed(text: string, problems: ProblemList): Document | undefined {
  let documents: readonly Document[];
  try {
    const all = parseAllDocuments(text, {
      version: "1.2",
      schema: "core",
      merge: false,
      uniqueKeys: false,
      prettyErrors: false,
    });
    documents = Array.isArray(all) ? all : [];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    problems.addAt(0, { code: "too_large", detail: `a workflow nests at most ${depthMax} levels` });
    return undefined;
  }
  const [first, second] = documents;
  if (second !== undefined) {
    problems.addAt(second.range?.[0] ?? 0, {
      code: "yaml_feature",
      detail: "a file holds one document",
      hint: "give each workflow a file of its own",
    });
  }
  // A line that the parser lost its way in yields many errors; the first one tells.
  const lines = new Set<number>();
  for (const error of [...(first?.errors ?? []), ...(first?.warnings ?? [])]) {
    const line = text.lastIndexOf("\n", error.pos[0] - 1);
    if (!lines.has(line)) reportSyntax(error, text, problems);
    lines.add(line);
  }
  if (problems.hasErrors) return undefined;
  // An empty file is an empty map: what is missing is told by name.
  return first ?? (parseAllDocuments("{}") as Document[])[0]; // text with one document yields one
}

function reportSyntax(error: YAMLError, text: string, problems: ProblemList): void {
  const at = error.pos[0];
  if (error.code === "TAG_RESOLVE_FAILED" || error.code === "MULTIPLE_DOCS") {
    problems.addAt(at, { code: "yaml_feature", detail: "tags are not for workflows", hint: "write the plain value" });
  } else {
    const line = text.slice(text.lastIndexOf("\n", at - 1) + 1, (text.indexOf("\n", at) + 1 || text.length + 1) - 1);
    const quote =
      error.code === "TAB_AS_INDENT"
        ? "indent with blanks"
        : error.code === "BAD_ALIAS" || /: .*(?:: |\$\{\{|[*?&%@`!|>{}[\]])|: \*/.test(line)
          ? "put the value in quotes"
          : undefined;
    problems.addAt(at, { code: "yaml_syntax", detail: error.message.replace(/\s+/g, " "), hint: quote });
  }
}

class Walk {
  stopped = false;
  readonly #source: SourceText;
  readonly #problems: ProblemList;
  readonly #anchors = new Map<string, Node>();
  readonly #expanding = new Set<Node>();
  #keys = 0;
  #nodes = 0;
  #aliases = 0;

  constructor(source: SourceText, problems: ProblemList) {
    this.#source = source;
    this.#problems = problems;
  }

  value(node: unknown, pointer: string, depth: number): JsonValue {
    if (this.stopped) return null;
    if (++this.#nodes > nodesMax) return this.#stop(0, "too_large", `a workflow has at most ${nodesMax} values`);
    if (isAlias(node)) return this.#alias(node.source, node.range?.[0] ?? 0, pointer, depth);
    if (!isMap(node) && !isSeq(node) && !isScalar(node)) return null;
    const at = node.range?.[0] ?? 0;
    if (depth > depthMax) return this.#stop(at, "too_large", `a workflow nests at most ${depthMax} levels`);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (node.tag !== undefined && this.#isTagged(at)) {
      this.#problems.addAt(at, {
        code: "yaml_feature",
        detail: `the tag ${node.tag} is not for workflows`,
        hint: "write the plain value",
      });
      return null;
    }
    if (isMap(node)) return this.#map(node.items, pointer, depth);
    if (isSeq(node)) return node.items.map((item, index) => this.#item(item, `${pointer}/${index}`, depth));
    return this.#scalar(node.value, node.source ?? "", at);
  }

  /** Tags stand before the value; the parser also gives one to what it resolved by itself. */
  #isTagged(at: number): boolean {
    const before = this.#source.text.slice(Math.max(0, at - 200), at).trimEnd();
    return /(?:^|[\s,[{:-])![^\s,[\]{}]*(?:\s+&\S+)?$/.test(before) || this.#source.text[at] === "!";
  }

  #item(item: unknown, pointer: string, depth: number): JsonValue {
    const at = isMap(item) || isSeq(item) || isScalar(item) || isAlias(item) ? (item.range?.[0] ?? 0) : 0;
    this.#source.mark(pointer, { keyAt: at, valueAt: at, node: item as Node }); // the parser's items are nodes
    return this.value(item, pointer, depth + 1);
  }

  #map(items: readonly Pair[], pointer: string, depth: number): JsonValue {
    const object: Record<string, JsonValue> = {};
    for (const { key, value } of items) {
      if (this.stopped) break;
      if (++this.#keys > keysMax) return this.#stop(0, "too_large", `a workflow has at most ${keysMax} keys`);
      if (!isScalar(key)) {
        this.#problems.addAt((key as Node | null)?.range?.[0] ?? 0, {
          code: "yaml_feature",
          detail: "a key is plain text",
        }); // the parser's keys are nodes
        continue;
      }
      const name = typeof key.value === "string" ? key.value : (key.source ?? String(key.value));
      const keyAt = key.range?.[0] ?? 0;
      if (key.anchor !== undefined) this.#anchors.set(key.anchor, key);
      if (name === "<<") {
        this.#problems.addAt(keyAt, {
          code: "yaml_feature",
          detail: "merge keys (<<) are not for workflows",
          hint: "use `defaults`, or write the values out",
        });
        continue;
      }
      if (isReservedKey(name) || name.startsWith("$") || !isPlainText(name)) {
        this.#problems.addAt(keyAt, {
          code: "reserved_key",
          detail: `${name.toWellFormed().replaceAll("\0", "NUL")} cannot be a key`,
        });
        continue;
      }
      // Ours, because the parser's own check compares each key with all before it.
      if (Object.hasOwn(object, name)) {
        const where = pointer === "" ? "" : ` in ${pointer.slice(1).replaceAll("/", ".")}`;
        this.#problems.addAt(keyAt, { code: "duplicate_key", detail: `${name} is there twice${where}` });
        continue;
      }
      const inner = pointer + pointerOf([name]);
      const node = value as Node | null; // the parser's values are nodes
      this.#source.mark(inner, { keyAt, valueAt: node?.range?.[0] ?? keyAt, node: node ?? undefined });
      object[name] = this.value(value, inner, depth + 1);
    }
    return object;
  }

  #alias(name: string, at: number, pointer: string, depth: number): JsonValue {
    if (++this.#aliases > aliasesMax)
      return this.#stop(at, "yaml_feature", `a workflow expands at most ${aliasesMax} aliases`);
    const target = this.#anchors.get(name);
    if (target === undefined) return this.#stop(at, "yaml_syntax", `*${name} has no anchor before it`);
    if (this.#expanding.has(target)) return this.#stop(at, "yaml_feature", `*${name} stands within itself`);
    this.#expanding.add(target);
    const value = this.value(target, pointer, depth + 1);
    this.#expanding.delete(target);
    return value;
  }

  #scalar(value: unknown, written: string, at: number): JsonValue {
    if (typeof value === "string" && !isPlainText(value)) {
      this.#problems.addAt(at, { code: "bad_value", detail: "a text cannot hold NUL or half of a surrogate pair" });
      return "";
    }
    if (typeof value === "string" || typeof value === "boolean") return value;
    if (typeof value === "number") {
      const problem = numberProblem(value, written);
      if (problem !== undefined) this.#problems.addAt(at, { code: "bad_value", ...problem });
      return Number.isFinite(value) ? value : 0;
    }
    return null;
  }

  #stop(at: number, code: string, detail: string): JsonValue {
    if (!this.stopped) this.#problems.addAt(at, { code, detail });
    this.stopped = true;
    return null;
  }
}

function numberProblem(value: number, written: string): { readonly detail: string; readonly hint: string } | undefined {
  if (!Number.isFinite(value)) return { detail: `${written} has no value in JSON`, hint: "write a finite number" };
  if (/^[-+]?0[0-9]/.test(written))
    return { detail: `${written} would be read as ${value}`, hint: `write ${value}, or "${written}" for text` };
  if (/^[-+]?[0-9]+$/.test(written) && !Number.isSafeInteger(value)) {
    return { detail: `${written} would be rounded to ${value}`, hint: `write "${written}" for text` };
  }
  return undefined;
}
