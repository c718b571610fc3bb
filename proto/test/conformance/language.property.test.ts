// Properties of templates, durations, canonical JSON and the budget of macros.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  canonicalJson,
  evaluateText,
  evaluateTree,
  parseDuration,
  readWorkflow,
  type JsonValue,
} from "../../src/index.ts";
import { callProblems } from "../../src/expression/calls.ts";
import { untypedScope } from "../../src/expression/scope.ts";
import { parseTree } from "../../src/expression/syntax.ts";
import { jsonOf } from "../../src/expression/cel-value.ts";
import { environmentFor } from "../../src/expression/environment.ts";
import { canonicalText, normalizedExpression, parseTemplate } from "../../src/expression/template.ts";

test("text without an expression is itself, and an escaped one is what it shows", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom("${{", "}}", "{{")), { maxLength: 6 }), (pieces) => {
      const text = pieces.join("");
      fc.pre(!text.includes("$${{"));
      expect(evaluateText(canonicalText(text.replaceAll("${{", () => "$${{")), {})).toBe(text);
    }),
  );
});

test("an expression in a text ends where it should, whatever its strings hold", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (before, inside, after) => {
      fc.pre(![before, after].some((text) => text.includes("${{") || text.includes("$")));
      const literal = JSON.stringify(inside).replaceAll(/[\u007f-\uffff]/g, "x");
      const template = parseTemplate(`${before}\${{ ${literal} }}${after}`);
      const parts = template.error === undefined ? template.parts : [];
      expect(parts.filter((part) => typeof part === "object").map((part) => part.source)).toEqual([` ${literal} `]);
    }),
  );
});

test("no text makes the template parser or the reader throw", () => {
  const piece = fc.constantFrom(
    "${{",
    "}}",
    "{",
    "}",
    '"',
    "'",
    "\\",
    "//",
    "\n",
    "$",
    " ",
    "a",
    'r"',
    '"""',
    ": ",
    "- ",
    "&a ",
    "*a",
    "!t ",
    "[",
    "]",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join("");
      parseTemplate(text);
      normalizedExpression(text);
      expect(readWorkflow({ text }).document).toBeUndefined();
      readWorkflow({ text: `version: 1\nname: w\ntasks: { a: { run: x, with: { v: ${JSON.stringify(text)} } } }` });
    }),
    { numRuns: 300 },
  );
});

test("white space and comments outside strings do not make another expression", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(" ", "\n", "\t", " // c\n"), { minLength: 1, maxLength: 4 }), (blanks) => {
      expect(normalizedExpression(`inputs.a${blanks.join("")}+${blanks.join("")}"x  y"`)).toBe('inputs.a + "x  y"');
    }),
  );
});

test("a duration is the sum of its parts, in either spelling", () => {
  const part = fc.nat({ max: 50 });
  fc.assert(
    fc.property(part, part, part, part, (d, h, m, s) => {
      const ms = (((d * 24 + h) * 60 + m) * 60 + s) * 1000;
      expect(parseDuration(`${d}d${h}h${m}m${s}s`)).toBe(ms);
      expect(parseDuration(`P${d}DT${h}H${m}M${s}S`)).toBe(ms);
    }),
  );
});

const shuffled = (value: JsonValue): JsonValue => {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(shuffled);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, shuffled(item)]),
  );
};

test("canonical JSON does not depend on the order of keys, and parses to the same value", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (given) => {
      // As JSON has it: -0 is 0.
      const value = JSON.parse(JSON.stringify(given)) as JsonValue;
      expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
      expect(JSON.parse(canonicalJson(value))).toEqual(value);
    }),
  );
});

const number = fc.integer({ min: -5, max: 5 }).map(String);
const expression = fc.letrec<{ readonly list: string; readonly value: string }>((tie) => ({
  list: fc.oneof(
    { maxDepth: 3 },
    fc.array(number, { maxLength: 4 }).map((items) => `[${["1", ...items].join(", ")}]`),
    fc.tuple(tie("list"), tie("value")).map(([list, value]) => `${list}.map(i, (i + ${value}) * 2)`),
    fc.tuple(tie("list"), tie("list")).map(([a, b]) => `${a}.filter(j, j in ${b} || j == 1)`),
    fc.tuple(tie("list"), tie("list")).map(([a, b]) => `(${a} + ${b})`),
  ),
  value: fc.oneof(
    { maxDepth: 3 },
    number,
    tie("list").map((list) => `${list}.size()`),
    tie("list").map((list) => `(${list}.exists(k, k == 1 && !(k > 3)) ? 1 : 2)`),
    tie("list").map((list) => `${list}[0]`),
  ),
}));

test("a macro that pays has the value of one that does not", () => {
  fc.assert(
    fc.property(expression.list, (text) => {
      const outcome = (run: () => unknown): unknown => {
        try {
          return run();
        } catch (error) {
          return error instanceof Error ? "failed" : error;
        }
      };
      fc.pre(callProblems(parseTree(text), untypedScope).length === 0);
      const { environment } = environmentFor({});
      const unpaid = outcome(() => jsonOf(environment.parse(text)()));
      expect(outcome(() => evaluateTree({ $expr: text }, {}))).toEqual(unpaid);
    }),
    { numRuns: 200 },
  );
});
