// Placeholders in SQL. `:name` is ours in both dialects and becomes a numbered one; a list is bound to what the database
// itself calls them ($1 in PostgreSQL, ? in SQLite). Values never enter the text.
//  T1. Quoted text, quoted names, comments and casts (`::`) are left as they are.
//  T2. A name without a value, and a value without a name, are told before the database is asked: SQLite would bind NULL.
import { AppError, type JsonValue } from "@capstan/proto";

export type Dialect = "postgres" | "sqlite";

export interface BoundText {
  readonly text: string;
  readonly values: readonly JsonValue[];
}

const wrong = (message: string): AppError => new AppError("expression_failed", message);

// One alternative per thing that may hold a colon or a question mark and is no placeholder. No nested repetition.
const shared = String.raw`'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*`;
const tokens: Readonly<Record<Dialect, RegExp>> = {
  postgres: new RegExp(
    String.raw`[eE]'(?:[^'\\]|\\[^]|'')*'|${shared}|\$(?:[A-Za-z_]\w*)?\$|/\*|::|:=|:(?<name>[A-Za-z_]\w*)`,
    "g",
  ),
  sqlite: new RegExp(
    String.raw`${shared}|\`(?:[^\`]|\`\`)*\`|\[[^\]]*\]|/\*[^]*?(?:\*/|$)|[:@$](?<name>[A-Za-z_]\w*)|\?(?<place>\d*)`,
    "g",
  ),
};

/** The end of a PostgreSQL comment, whose comments nest. */
function commentEnd(text: string, from: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = from;
  let depth = 1;
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    depth += found[0] === "/*" ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
  return text.length;
}

interface Placeholder {
  readonly at: number;
  readonly length: number;
  readonly name: string | undefined;
  readonly place: string | undefined;
}

function placeholdersIn(text: string, dialect: Dialect): readonly Placeholder[] {
  const found: Placeholder[] = [];
  const pattern = new RegExp(tokens[dialect]);
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [token] = match;
    if (dialect === "postgres" && token === "/*") pattern.lastIndex = commentEnd(text, pattern.lastIndex);
    else if (dialect === "postgres" && token.startsWith("$")) {
      const end = text.indexOf(token, pattern.lastIndex);
      pattern.lastIndex = end < 0 ? text.length : end + token.length;
    } else if (match.groups?.["name"] !== undefined || match.groups?.["place"] !== undefined) {
      // `a:b` and `x$y` are parts of a word, `$1` of PostgreSQL is its own.
      if (/\w/.test(text[match.index - 1] ?? "")) continue;
      found.push({
        at: match.index,
        length: token.length,
        name: match.groups["name"],
        place: match.groups["place"],
      });
    }
  }
  return found;
}

/**
 * The text with its values in the order of their numbers.
 * @throws expression_failed where names or numbers do not fit
 */
export function bindText(
  text: string,
  params: readonly JsonValue[] | Readonly<Record<string, JsonValue>> | undefined,
  dialect: Dialect,
): BoundText {
  if (params === undefined) return { text, values: [] };
  const found = placeholdersIn(text, dialect);
  if (Array.isArray(params)) {
    const list = params as readonly JsonValue[]; // not narrowed by isArray
    if (dialect === "sqlite") {
      let highest = 0;
      for (const { name, place } of found) {
        if (name !== undefined) throw wrong(`the query names :${name}, and params is a list; write params as a map`);
        highest = place === "" ? highest + 1 : Math.max(highest, Number(place));
      }
      if (highest !== list.length) throw wrong(`the query has ${highest} placeholders, and params has ${list.length}`);
    }
    return { text, values: list };
  }
  const named = params as Readonly<Record<string, JsonValue>>; // not a list
  const numbers = new Map<string, number>();
  let bound = "";
  let at = 0;
  for (const { at: start, length, name } of found) {
    if (name === undefined) throw wrong("the query has a placeholder without a name, and params is a map");
    if (!Object.hasOwn(named, name)) throw wrong(`the query names :${name}, and params has no ${name}`);
    const number = numbers.get(name) ?? numbers.size + 1;
    numbers.set(name, number);
    bound += `${text.slice(at, start)}${dialect === "postgres" ? "$" : "?"}${number}`;
    at = start + length;
  }
  const unused = Object.keys(named).find((name) => !numbers.has(name));
  if (unused !== undefined) throw wrong(`params has ${unused}, which the query does not name (:${unused})`);
  return { text: bound + text.slice(at), values: Array.from(numbers.keys(), (name) => named[name] ?? null) };
}
