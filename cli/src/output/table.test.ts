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

test("a table fits the terminal: the widest columns are cut, the name is not", () => {
  const columns: readonly Column<{ readonly name: string; readonly why: string; readonly state: string }>[] = [
    { title: "NAME", key: "name", value: (row) => row.name },
    { title: "STATE", key: "state", value: (row) => row.state },
    { title: "WHY", key: "why", value: (row) => row.why },
  ];
  const rows = [
    { name: "a_name_that_is_quite_long_and_stays-1", state: "failed", why: "connection refused ".repeat(8) },
  ];
  const lines = formatTable(rows, columns, undefined, 80).trimEnd().split("\n");
  expect(lines.every((line) => line.length <= 80)).toBe(true);
  expect(lines[1]).toMatch(/^a_name_that_is_quite_long_and_stays-1 {2}failed {2}connection refused .*…$/);
  expect(formatTable(rows, columns).length).toBeGreaterThan(160);
});
