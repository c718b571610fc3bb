import stringWidth from "string-width";

export interface Column<T> {
  readonly title: string;
  /** Key for `tsv` and `--json`; the API's own name. */
  readonly key: string;
  readonly value: (row: T) => string;
  /** Shown by `wide` only. */
  readonly isWide?: boolean;
  readonly align?: "right";
}

const pad = (text: string, width: number, align: "right" | undefined): string => {
  const blank = " ".repeat(Math.max(0, width - stringWidth(text)));
  return align === "right" ? blank + text : text + blank;
};

/** A control character would let stored text steer the reader's terminal. */
export const printable = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ");

/** Rows under a heading, columns as wide as their widest cell, two blanks between, no blanks at the ends of lines. */
export function formatTable<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  decorate: (text: string, column: Column<T>, row: T | undefined) => string = (text) => text,
): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))));
  const widths = columns.map((column, i) =>
    Math.max(stringWidth(column.title), ...cells.map((line) => stringWidth(line[i] ?? ""))),
  );
  const line = (texts: readonly string[], row: T | undefined): string =>
    columns
      .map((column, i) => decorate(pad(texts[i] ?? "", widths[i] ?? 0, column.align), column, row))
      .join("  ")
      .trimEnd();
  return (
    [
      line(
        columns.map((column) => column.title),
        undefined,
      ),
      ...cells.map((texts, i) => line(texts, rows[i])),
    ].join("\n") + "\n"
  );
}

/** Tab-separated values with a heading of keys; tabs and line breaks within a value become blanks. */
export function formatTsv<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const lines = [
    columns.map((column) => column.key),
    ...rows.map((row) => columns.map((column) => printable(column.value(row)))),
  ];
  return lines.map((cells) => cells.join("\t")).join("\n") + "\n";
}
