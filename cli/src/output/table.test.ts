import { expect, test } from "vitest";
import { formatTable, formatTsv, type Column } from "./table.ts";

interface Row {
  readonly name: string;
  readonly count: number;
}
const columns: readonly Column<Row>[] = [
  { title: "NAME", key: "name", value: (row) => row.name },
  { title: "COUNT", key: "count", value: (row) => String(row.count), align: "right" },
];

test("columns are as wide as their widest cell, also with wide characters", () => {
  expect(
    formatTable(
      [
        { name: "日本", count: 7 },
        { name: "a", count: 12345 },
      ],
      columns,
    ),
  ).toBe("NAME  COUNT\n日本      7\na     12345\n");
});

test("stored text cannot steer the terminal or break a line", () => {
  const text = formatTable([{ name: "a\u001b[31m\nb", count: 1 }], columns);
  expect(text).not.toContain("\u001b");
  expect(text.split("\n")).toHaveLength(3);
  expect(formatTsv([{ name: "a\tb\nc", count: 1 }], columns)).toBe("name\tcount\na b c\t1\n");
});

test("no rows give the heading alone", () => {
  expect(formatTsv([], columns)).toBe("name\tcount\n");
});
