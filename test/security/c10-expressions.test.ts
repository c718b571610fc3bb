// C10, expressions that lead out of their evaluator: what comes back is plain data or a refusal, soon.
import { expect, test } from "vitest";
import { AppError, evaluateTree, readWorkflow, type JsonValue } from "@capstan/proto";
import { escapes } from "./escapes.ts";

const context = {
  inputs: { s: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", n: 3, list: [1, 2, 3], m: { p: 1 } },
  run: { id: "r" },
};
const codes = new Set([
  "expression_failed",
  "expression_timeout",
  "expression_invalid",
  "output_too_large",
  "limit_exceeded",
]);

/** What an expression gives: its value or the code of its refusal. @throws where anything else is thrown */
function outcome(text: string): JsonValue | { readonly refused: string } {
  try {
    return evaluateTree({ $expr: text }, context);
  } catch (error) {
    if (error instanceof AppError) return { refused: error.code };
    throw error;
  }
}

/** True for what JSON can carry, made of plain objects. */
function isPlain(value: unknown): boolean {
  if (value === null || ["string", "number", "boolean"].includes(typeof value)) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  if (typeof value !== "object") return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isPlain);
}

test("no expression gives a function, a class or anything of the process", () => {
  expect(escapes.length).toBeGreaterThan(300);
  const wrong: string[] = [];
  for (const text of escapes) {
    const start = process.cpuUsage();
    const value = outcome(text);
    const { user } = process.cpuUsage(start);
    const name = text.slice(0, 80);
    if (!isPlain(value)) wrong.push(`${name}: ${typeof value}`);
    if (typeof value === "object" && value !== null && "refused" in value && !codes.has(String(value.refused)))
      wrong.push(`${name}: ${String(value.refused)}`);
    if (JSON.stringify(value).length > 1024 * 1024) wrong.push(`${name}: more than 1 MiB`);
    // 50 ms are its own bound; a collection of garbage may fall within.
    if (user > 1_000_000) wrong.push(`${name}: ${user / 1000} ms`);
  }
  expect(wrong).toEqual([]);
  expect("polluted" in {}).toBe(false);
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test("a workflow with such an expression is refused at its place, or runs into its refusal", () => {
  for (const text of escapes.filter((one) => one.length < 200)) {
    const source = `version: 1\nname: x\ninputs: { s: string, n: integer }\ntasks:\n  a:\n    run: echo\n    env:\n      A: ${JSON.stringify(`\${{ ${text} }}`)}\n`;
    const { document, problems } = readWorkflow({ text: source });
    expect(document !== undefined || Number(problems[0]?.line) > 0, text).toBe(true);
  }
});
