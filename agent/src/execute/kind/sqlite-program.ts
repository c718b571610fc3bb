// The program that runs a statement on a SQLite file. SQLite works in the thread that calls it, and neither a thread nor
// an abort ends a statement that is at work; a process can be killed, and SQLite then rolls back what was begun.
// Its order comes on stdin as JSON; its answer is a file. It imports Node and `sql-result.ts` alone.
import { writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import { ResultRefused, ResultSink, type Cell, type ResultPlan, type SqlResult } from "./sql-result.ts";

/** Runner → program. */
export interface SqliteOrder {
  readonly path: string;
  readonly mode: "ro" | "rw" | "rwc";
  readonly text: string;
  readonly values: readonly (string | number | null)[];
  readonly transaction: boolean;
  readonly result: Omit<ResultPlan, "rowsMax"> & { readonly rowsMax?: number };
  readonly answer: string;
}

/** Program → runner, in the file `answer`. */
export type SqliteAnswer =
  | { readonly kind: "result"; readonly result: SqlResult }
  | { readonly kind: "failed"; readonly code: "sql_error" | "output_too_large"; readonly message: string };

/** How long another writer is waited for. */
const busyMs = 60_000;

/** Whole numbers beyond 2⁵³ as text: JSON's readers would round them. Bytes as PostgreSQL writes them. */
function cellOf(value: SQLOutputValue): Cell {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString("hex")}` : value;
}

function statementsOf(database: DatabaseSync, order: SqliteOrder, sink: ResultSink): number {
  // A whole number is bound as one: as a double it would be stored in a text column as 3.0.
  const values = order.values.map((value) => (Number.isInteger(value) ? BigInt(value as number) : value)); // a number, as asked
  let affected = 0;
  for (let rest = order.text; ;) {
    let statement;
    try {
      statement = database.prepare(rest);
    } catch (error) {
      // Blanks, comments and a last semicolon are no statement.
      if (error instanceof Error && "code" in error && error.code === "ERR_INVALID_ARG_VALUE" && rest !== order.text)
        return affected;
      throw error;
    }
    const next = rest.slice(statement.sourceSQL.length);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    const columns = statement.columns().map(({ name }) => name);
    sink.begin(columns);
    if (columns.length === 0) affected = Number(statement.run(...values).changes);
    else
      for (const row of statement.iterate(...values) as Iterable<unknown>)
        sink.row((row as readonly SQLOutputValue[]).map(cellOf)); // arrays, as set above
    if (next.trim() === "") return affected;
    if (values.length > 0) {
      database.prepare(next); // throws where nothing but a comment follows
      throw new ResultRefused("sql_error", "params go with one statement, and the query has several");
    }
    rest = next;
  }
}

function answerTo(order: SqliteOrder): SqliteAnswer {
  const sink = new ResultSink({ ...order.result, rowsMax: order.result.rowsMax });
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(order.path, {
      readOnly: order.mode === "ro",
      timeout: busyMs,
      allowExtension: false,
    });
    if (order.transaction) database.exec("BEGIN");
    const affected = statementsOf(database, order, sink);
    const result = sink.end(affected);
    if (order.transaction && database.isTransaction) database.exec("COMMIT");
    return { kind: "result", result };
  } catch (error) {
    // What was begun is rolled back by closing.
    if (error instanceof ResultRefused) return { kind: "failed", code: error.code, message: error.message };
    const known = error instanceof Error && "errcode" in error ? ` (SQLite ${String(error.errcode)})` : "";
    const message = error instanceof Error ? error.message : String(error);
    return { kind: "failed", code: "sql_error", message: `${message}${known}` };
  } finally {
    database?.close();
    sink.close();
  }
}

const order = JSON.parse(await text(process.stdin)) as SqliteOrder; // the runner is at the other end
writeFileSync(order.answer, JSON.stringify(answerTo(order)), { mode: 0o600, flag: "wx" });
