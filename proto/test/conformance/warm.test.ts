import { expect, test } from "vitest";
import { readWorkflow } from "../../src/index.ts";

const read = (text: string) => readWorkflow({ text: `version: 1\nname: w\n${text}`, file: "w.yaml" });

test("111 · warm is a word of python and node, and of no other action", () => {
  expect(
    read("tasks: { a: { python: { call: 'm:f', warm: true } }, b: { node: { inline: x, warm: true } } }").problems,
  ).toEqual([]);
  expect(read("tasks: { a: { http: { url: 'http://x', warm: true } } }").problems).toMatchObject([
    { code: "unknown_key" },
  ]);
  expect(read("tasks: { a: { run: { script: x, warm: true } } }").problems).toMatchObject([{ code: "unknown_key" }]);
});

test("defaults make every Python task warm, and a task says no", () => {
  const { document, problems } = read(
    "defaults: { python: { warm: true } }\ntasks: { a: { python: 'm:f' }, b: { python: { inline: x, warm: false } }, c: { node: { inline: x } } }",
  );
  expect(problems).toEqual([]);
  expect(document?.tasks["a"]?.action).toEqual({ python: { call: "m:f", warm: true } });
  expect(document?.tasks["b"]?.action).toEqual({ python: { inline: "x", warm: false } });
  expect(document?.tasks["c"]?.action).toEqual({ node: { inline: "x" } });
});
