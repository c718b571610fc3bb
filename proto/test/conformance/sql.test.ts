// The action `sql`: what is told without a database.
import { expect, test } from "vitest";
import { checkCode, mayMissCode, readWorkflow, type DocumentProblem } from "../../src/index.ts";

const flow = (tasks: string): readonly DocumentProblem[] =>
  readWorkflow({
    text: `version: 1\nname: w\nsecrets: { DB: "env:CAPSTAN_SECRET_DB" }\ninputs: { n: integer }\ntasks: ${tasks}`,
    file: "w.yaml",
  }).problems;
const codes = (tasks: string): string[] => flow(tasks).map(({ code }) => code);
const q = (more: string): string => `{ a: { sql: { url: "sqlite:/x.db", ${more} } } }`;

test("a query with bound values is valid, and what it gives is typed", () => {
  const reader = (expression: string): string =>
    `{ a: { sql: { url: "\${{ secrets.DB }}", query: "select :n", params: { n: "\${{ inputs.n }}" }, result: value } }, b: { run: x, if: "${expression}" } }`;
  expect(codes(reader("tasks.a.outputs.rowCount == 1"))).toEqual([]);
  expect(codes(reader("tasks.a.outputs.rowCount == 'x'"))).toEqual(["type_mismatch"]);
  expect(codes(reader("tasks.a.outputs.rows.size() == 1"))).toEqual(["unknown_name"]);
  expect(
    codes(`{ a: { sql: { url: "sqlite:/x", query: q } }, b: { run: x, if: "tasks.a.outputs.rows[0].n == 1" } }`),
  ).toEqual([]);
});

test.each([
  ["no query", q("maxRows: 1"), ["missing_key"]],
  ["query and file", q("query: x, file: y.sql"), ["bad_value"]],
  ["the short form, which has no url", "{ a: { sql: select 1 } }", ["missing_key"]],
  ["an expression in the query", q(`query: "select \${{ inputs.n }}"`), ["script_expression"]],
  ["a secret among the params", q(`query: x, params: ["\${{ secrets.DB }}"]`), ["secret_misplaced"]],
  ["a secret within a url", `{ a: { sql: { url: "x\${{ secrets.DB }}", query: q } } }`, ["secret_misplaced"]],
  ["a file that leads out of the bundle", q("file: ../x.sql"), ["bad_value"]],
  ["another kind of database", `{ a: { sql: { url: "mysql://h/d", query: q } } }`, ["not_supported"]],
  ["an unknown form of the result", q("query: x, result: table"), ["bad_value"]],
])("%s is told at its place", (_, tasks, expected) => {
  expect(codes(tasks)).toEqual(expected);
});

test("a query's file must be in the code", () => {
  const text = "version: 1\nname: w\ntasks: { a: { sql: { url: 'sqlite:/x', file: q.sql } } }";
  expect(checkCode({ text, file: "w.yaml" }, new Set(["r.sql"]))).toMatchObject([{ code: "code_missing", line: 3 }]);
  expect(checkCode({ text, file: "w.yaml" }, new Set(["q.sql"]))).toEqual([]);
});

test("whether code may be missing is told from the document alone, and never where it is all there", () => {
  const of = (task: string): ((...files: string[]) => boolean) => {
    const { document } = readWorkflow({ text: `version: 1\nname: x\ntasks:\n  a: ${task}\n` });
    if (document === undefined) throw new Error(task);
    return (...files) => mayMissCode(document, new Set(files));
  };
  expect(of(`{ run: "true" }`)()).toBe(false);
  expect(of(`{ node: "a.mjs#go" }`)()).toBe(true);
  expect(of(`{ node: "a.mjs#go" }`)("a.mjs")).toBe(false);
  expect(of(`{ run: { file: a.sh }, hooks: { onFailure: [{ run: { file: b.sh } }] } }`)("a.sh")).toBe(true);
  expect(of(`{ run: { file: a.sh }, hooks: { onFailure: [{ run: { file: b.sh } }] } }`)("a.sh", "b.sh")).toBe(false);
});
