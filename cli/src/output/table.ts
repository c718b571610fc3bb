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

/** Narrower than this no column becomes: a few letters say nothing. */
const narrowest = 14;
const gap = 2;

/** Takes from the widest columns what is too much for a line. The first keeps its width: it is the name to go on with. */
function narrowed(widths: readonly number[], lineWidth: number | undefined): readonly number[] {
  if (lineWidth === undefined || lineWidth < 40) return widths;
  const fitted = [...widths];
  const sum = (): number => fitted.reduce((total, width) => total + width, gap * (fitted.length - 1));
  while (sum() > lineWidth) {
    const widest = Math.max(...fitted.slice(1));
    if (widest <= narrowest) break;
    fitted[fitted.indexOf(widest, 1)] = widest - 1;
  }
  return fitted;
}

const cut = (text: string, width: number): string => {
  if (stringWidth(text) <= width) return text;
  let kept = "";
  for (const letter of text) {
    if (stringWidth(kept + letter) > width - 1) break;
    kept += letter;
  }
  return `${kept}…`;
};

/**
 * Rows under a heading, columns as wide as their widest cell, two blanks between, no blanks at the ends of lines.
 * @param lineWidth of the terminal: the widest columns are cut with `…` until a line fits; undefined cuts nothing
 */
export function formatTable<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  decorate: (text: string, column: Column<T>, row: T | undefined) => string = (text) => text,
  lineWidth?: number,
): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))));
  const widths = narrowed(
    columns.map((column, i) => Math.max(stringWidth(column.title), ...cells.map((line) => stringWidth(line[i] ?? "")))),
    lineWidth,
  );
  const line = (texts: readonly string[], row: T | undefined): string =>
    columns
      .map((column, i) => {
        const text = cut(texts[i] ?? "", widths[i] ?? 0);
        // Blanks at the end of a line would stand behind a colour's end, out of reach of trimEnd.
        const isLast = i === columns.length - 1 && column.align !== "right";
        return decorate(isLast ? text : pad(text, widths[i] ?? 0, column.align), column, row);
      })
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
