import { expect, test } from "vitest";
import { celOf, expr, orValue, percent, refTo, secretTo, text, textOf } from "./ref.ts";
import { sourceOf } from "./source.ts";

interface Outputs {
  readonly rows: number;
  readonly list: readonly { readonly "odd name": string }[];
}
const outputs = refTo<Outputs>(["tasks", "load", "outputs"]);

test("property access makes a path, whatever the names are", () => {
  expect(celOf(outputs.rows)).toBe("tasks.load.outputs.rows");
  expect(celOf(outputs.list[3]?.["odd name"])).toBe('tasks.load.outputs.list[3]["odd name"]');
  expect(celOf(refTo<{ length: number }>(["inputs", "constructor"]).length)).toBe("inputs.constructor.length");
});

test("a reference that JavaScript would make into text, a number or JSON throws, with the advice", () => {
  const mistakes: readonly (() => unknown)[] = [
    () => `${String(outputs.rows)}`,
    () => (outputs.rows as unknown as string) + "x",
    // oxlint-disable-next-line eqeqeq -- the mistake under test
    () => (outputs.rows as unknown as string) == "x",
    () => Number(outputs.rows) > 3,
    () => JSON.stringify({ rows: outputs.rows }),
    () => ({ ...(outputs as object) }),
    () => "rows" in outputs,
    () => [...(outputs.list as unknown as Iterable<unknown>)],
  ];
  for (const mistake of mistakes) expect(mistake).toThrow(/tasks\.load\.outputs.*use expr or text/s);
});

test("values in an expression become literals of CEL", () => {
  expect(celOf(expr`${outputs.rows} > ${3} && ${'a"b'} in ${refTo(["inputs", "names"])}`)).toBe(
    'tasks.load.outputs.rows > 3 && "a\\"b" in inputs.names',
  );
  expect(() => expr`${Number.NaN} > 1`).toThrow(/NaN cannot stand/);
});

test("an expression within an expression keeps its meaning", () => {
  const either = expr`inputs.a || inputs.b`;
  expect(celOf(expr`${either} && inputs.c`)).toBe("(inputs.a || inputs.b) && inputs.c");
  expect(celOf(expr`${percent(outputs.rows, 1)} + "x"`)).toBe('percent(tasks.load.outputs.rows, 1) + "x"');
});

test("what looks like an expression in the words of a text stays words", () => {
  expect(textOf(text`\${{ a }} ${outputs.rows}`)).toBe("$${{ a }} ${{ tasks.load.outputs.rows }}");
  expect(textOf(text`${"${{ x }}"}`)).toBe("$${{ x }}");
});

test("a dollar sign before a reference does not make it words", () => {
  expect(textOf(text`cost: $${outputs.rows}`)).toBe('cost: ${{ "$" }}${{ tasks.load.outputs.rows }}');
});

test("a value that may be missing has another one beside it", () => {
  expect(celOf(orValue(outputs.rows, 0))).toBe("tasks.load.?outputs.?rows.orValue(0)");
  expect(celOf(orValue(refTo<string>(["inputs", "day"]), "none"))).toBe('inputs.?day.orValue("none")');
});

test("what no document can hold is refused with its path", () => {
  expect(sourceOf({ a: [outputs.rows, secretTo("T"), false] }, "x")).toEqual({
    a: ["${{ tasks.load.outputs.rows }}", "${{ secrets.T }}", false],
  });
  expect(() => sourceOf({ when: [new Date(0)] }, "load.with")).toThrow("load.with.when[0] is a Date");
  expect(() => sourceOf({ f: () => 1 }, "load.with")).toThrow("load.with.f is a function");
});
