import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readInputs } from "./inputs.ts";

const declared = {
  url: { type: "string" },
  rows: "integer",
  share: { type: "number" },
  dry: { type: "boolean" },
  tags: { type: "array" },
};

test("values are read by their declared types", () => {
  expect(readInputs(["url=007", "rows=7", "share=.5", "dry=false", 'tags=["a"]'], undefined, declared)).toEqual({
    url: "007",
    rows: 7,
    share: 0.5,
    dry: false,
    tags: ["a"],
  });
  expect(readInputs(["url=a=b"], undefined, declared)).toEqual({ url: "a=b" });
});

test.each([
  ["rows=1.5", 'rows must be of type integer: "1.5" is no whole number'],
  ["rows=", 'rows must be of type integer: "" is no whole number'],
  ["share=x", 'share must be of type number: "x" is no number'],
  ["dry=yes", 'dry must be of type boolean: "yes" is neither true nor false'],
  ["tags=a", 'tags must be of type array: "a" is no JSON'],
  ["ulr=x", "ulr is no input of this workflow. Did you mean url?"],
])("%s is refused before a run exists", (pair, message) => {
  expect(() => readInputs([pair], undefined, declared)).toThrow(
    expect.objectContaining({ code: "inputs_invalid", message }),
  );
});

test("a pair without a key is wrong usage", () => {
  expect(() => readInputs(["=x"], undefined, declared)).toThrow(expect.objectContaining({ code: "usage" }));
});

test("single inputs win over those of a file, and @file gives a file's text", () => {
  const folder = mkdtempSync(join(tmpdir(), "capstan-inputs-"));
  try {
    writeFileSync(join(folder, "in.yaml"), "url: from file\nrows: 1\n");
    writeFileSync(join(folder, "text"), "long text");
    expect(readInputs(["rows=2", `url=@${join(folder, "text")}`], join(folder, "in.yaml"), declared)).toEqual({
      url: "long text",
      rows: 2,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
