import { expect, test } from "vitest";
import { AppError } from "@capstan/proto";
import { etagOf, Precondition } from "./etag.ts";

const now = etagOf(["a", 1]);
const before = etagOf(["a", 0]);

/** `done`, or the code of the refusal. */
function outcome(headers: Record<string, string>, current: string | undefined): string {
  try {
    new Precondition(headers).check("it", current);
    return "done";
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

test("equal settings have equal tags, others have others, and a tag is a strong one", () => {
  expect(etagOf(["a", 1])).toBe(now);
  expect(before).not.toBe(now);
  expect(now).toMatch(/^"[\w-]{22}"$/);
});

test.each([
  ["nothing is said of what is there", {}, now, "precondition_required"],
  ["what is there was seen", { "if-match": now }, now, "done"],
  ["one of several was seen", { "if-match": `${before}, ${now}` }, now, "done"],
  ["an earlier edition was seen", { "if-match": before }, now, "precondition_failed"],
  ["a weak tag proves nothing", { "if-match": `W/${now}` }, now, "precondition_failed"],
  ["whatever is there", { "if-match": "*" }, now, "done"],
  ["it was to be new", { "if-none-match": "*" }, now, "precondition_failed"],
  ["a tag that is not to match is no proof", { "if-none-match": before }, now, "precondition_required"],
  ["nothing is there, nothing was seen", {}, undefined, "done"],
  ["nothing is there, and it is to be new", { "if-none-match": "*" }, undefined, "done"],
  ["what was seen is gone", { "if-match": now }, undefined, "precondition_failed"],
  ["something was to be there", { "if-match": "*" }, undefined, "precondition_failed"],
  ["a tag without its quotes", { "if-match": now.slice(1, -1) }, now, "malformed"],
  ["an empty header", { "if-match": "" }, now, "malformed"],
] as const)("%s", (_, headers, current, code) => {
  expect(outcome(headers, current)).toBe(code);
});
