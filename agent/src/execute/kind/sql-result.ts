// What becomes of the rows of a statement: values inline, one value, or a file. Imports Node alone: the program that runs
// SQLite uses it too, and its size is its start time.
//  Q1. Rows go through one at a time; what is held at once is bounded, whatever a statement gives.
//  Q2. A limit is met before the transaction is committed, so a result that cannot be told changes nothing.
//  Q3. Of several statements the last one's result counts.
import { closeSync, constants, openSync, ftruncateSync, writeSync } from "node:fs";

export type Cell = string | number | boolean | null | Cell[] | { [key: string]: Cell };

export interface ResultPlan {
  readonly kind: "rows" | "value" | "file" | "none";
  readonly format: "csv" | "jsonl";
  /** Undefined: as many as come. */
  readonly rowsMax: number | undefined;
  readonly inlineBytesMax: number;
  /** Absolute path of the file to write; it must not exist. */
  readonly file: string;
}

/** What a statement gave. */
export interface SqlResult {
  readonly rows?: readonly Cell[];
  readonly value?: Cell;
  readonly rowCount: number;
}

/** A result that cannot be told. */
export class ResultRefused extends Error {
  readonly code: "sql_error" | "output_too_large";
  constructor(code: ResultRefused["code"], message: string) {
    super(message);
    this.code = code;
  }
}

const bufferBytes = 64 * 1024;
const fileFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

const csvCell = (cell: Cell): string => {
  if (cell === null) return "";
  const text = typeof cell === "object" ? JSON.stringify(cell) : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const csvLine = (cells: readonly Cell[]): string => `${cells.map(csvCell).join(",")}\n`;

/** Takes the rows of one or several statements. */
export class ResultSink {
  readonly #plan: ResultPlan;
  readonly #fd: number | undefined;
  #columns: readonly string[] = [];
  #rows: Cell[] = [];
  #value: Cell = null;
  #count = 0;
  #inlineBytes = 0;
  #buffer: string[] = [];
  #bufferedBytes = 0;
  #position = 0;

  constructor(plan: ResultPlan) {
    this.#plan = plan;
    this.#fd = plan.kind === "file" ? openSync(plan.file, fileFlags, 0o600) : undefined;
  }

  /** A statement begins to answer. No columns: it gives no rows. */
  begin(columns: readonly string[]): void {
    const twice = columns.find((name, position) => columns.indexOf(name) !== position);
    if (twice !== undefined && this.#plan.kind !== "none" && this.#plan.kind !== "value")
      throw new ResultRefused("sql_error", `two columns are called ${JSON.stringify(twice)}; name them with AS`);
    if (this.#plan.kind === "value" && columns.length > 1)
      throw new ResultRefused("sql_error", `result: value needs one column, and the statement gives ${columns.length}`);
    this.#columns = columns;
    this.#rows = [];
    this.#value = null;
    this.#count = 0;
    this.#inlineBytes = 0;
    this.#buffer = [];
    this.#bufferedBytes = 0;
    if (this.#fd === undefined) return;
    ftruncateSync(this.#fd, 0);
    this.#position = 0;
    if (this.#plan.format === "csv" && columns.length > 0) this.#write(csvLine(columns));
  }

  /** @throws ResultRefused */
  row(cells: readonly Cell[]): void {
    const { kind, rowsMax } = this.#plan;
    this.#count += 1;
    if (kind === "none") return;
    if (rowsMax !== undefined && this.#count > rowsMax)
      throw new ResultRefused("sql_error", `the statement gave more than ${rowsMax} rows (maxRows)`);
    switch (kind) {
      case "value":
        if (this.#count > 1)
          throw new ResultRefused("sql_error", "result: value needs one row, and the statement gave more");
        this.#value = cells[0] ?? null;
        this.#countBytes(JSON.stringify(this.#value));
        return;
      case "rows": {
        const row = this.#asObject(cells);
        this.#countBytes(JSON.stringify(row));
        this.#rows.push(row);
        return;
      }
      case "file":
        this.#write(this.#plan.format === "csv" ? csvLine(cells) : `${JSON.stringify(this.#asObject(cells))}\n`);
    }
  }

  /** @param affected rows that the last statement changed, where it gave none */
  end(affected: number): SqlResult {
    this.#flush();
    const rowCount = this.#columns.length > 0 ? this.#count : affected;
    switch (this.#plan.kind) {
      case "rows":
        return { rows: this.#rows, rowCount };
      case "value":
        return { value: this.#value, rowCount };
      case "file":
      case "none":
        return { rowCount };
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }

  #asObject(cells: readonly Cell[]): { [key: string]: Cell } {
    return Object.fromEntries(this.#columns.map((name, position) => [name, cells[position] ?? null]));
  }

  #countBytes(json: string): void {
    this.#inlineBytes += Buffer.byteLength(json) + 1;
    if (this.#inlineBytes > this.#plan.inlineBytesMax)
      throw new ResultRefused(
        "output_too_large",
        `the rows are larger than the ${this.#plan.inlineBytesMax / 1024} KiB that travel inline; use result: file`,
      );
  }

  #write(text: string): void {
    this.#buffer.push(text);
    this.#bufferedBytes += text.length;
    if (this.#bufferedBytes >= bufferBytes) this.#flush();
  }

  #flush(): void {
    if (this.#fd === undefined || this.#buffer.length === 0) return;
    const bytes = Buffer.from(this.#buffer.join(""));
    this.#buffer = [];
    this.#bufferedBytes = 0;
    let offset = 0;
    while (offset < bytes.length)
      offset += writeSync(this.#fd, bytes, offset, bytes.length - offset, this.#position + offset);
    this.#position += bytes.length;
  }
}
