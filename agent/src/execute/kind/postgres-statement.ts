// One statement on PostgreSQL, run inside the runner: connect, begin, run, commit, and tell the server to stop where the
// attempt is stopped.
//  P1. Rows pass one by one into the sink; with parameters the server hands out a thousand at a time.
//  P2. A stop asks the server to cancel the statement: closing the socket alone would leave it running there.
//  P3. A runner that dies cannot ask. The server then looks for its client every ten seconds and ends the statement.
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import pg from "pg";
import type { JsonValue } from "@capstan/proto";
import type { PostgresAddress } from "./postgres-address.ts";
import { parserOf } from "./postgres-values.ts";
import { ResultRefused, type ResultSink, type SqlResult } from "./sql-result.ts";

export interface PostgresOrder {
  readonly address: PostgresAddress;
  readonly text: string;
  readonly values: readonly JsonValue[];
  readonly transaction: boolean;
}

const connectTimeoutMs = 15_000;
const cancelTimeoutMs = 5_000;
const rowsAtOnce = 1000;
const endMs = 2_000;

const types = { getTypeParser: (oid: number) => parserOf(oid) };

/** Runs the statement into the sink. @throws ResultRefused, what the driver throws, and on `signal` its reason */
export async function runPostgres(
  order: PostgresOrder,
  sink: ResultSink,
  signal: AbortSignal,
  log: (text: string) => void,
): Promise<SqlResult> {
  const { address } = order;
  const client = new pg.Client({
    host: address.host,
    port: address.port,
    user: address.user,
    // A function: an empty text would make the driver look elsewhere.
    password: () => address.password,
    database: address.database,
    ssl: address.tls,
    application_name: "capstan",
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  });
  // A connection that breaks rejects what is under way; without a listener it would end this process.
  client.on("error", () => undefined);
  client.on("notice", (notice) => log(`${notice.severity ?? "NOTICE"}: ${notice.message ?? ""}\n`));
  const cancel = (): void => void cancelStatement(address, client);
  try {
    await unlessAborted(client.connect(), signal);
    signal.addEventListener("abort", cancel);
    try {
      await client.query("SET client_connection_check_interval = '10s'");
    } catch {
      // An older server, or a platform that cannot look: P3 does not hold there.
    }
    if (order.transaction) await client.query("BEGIN");
    const affected = await rowsInto(client, order, sink, cancel);
    const result = sink.end(affected);
    signal.throwIfAborted();
    if (order.transaction) await client.query("COMMIT");
    return result;
  } catch (error) {
    // A connection that is closed within a transaction rolls back.
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", cancel);
    // A server that has gone answers nothing any more.
    await Promise.race([
      client.end().catch(() => undefined),
      new Promise((resolve) => setTimeout(resolve, endMs).unref()),
    ]);
  }
}

async function unlessAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    promise.catch(() => undefined);
  }
}

/** How many rows the last statement changed. */
async function rowsInto(
  client: pg.Client,
  { text, values }: PostgresOrder,
  sink: ResultSink,
  cancel: () => void,
): Promise<number> {
  let current: unknown;
  let refused: unknown;
  const guarded = (take: () => void): void => {
    // Thrown in the driver's read loop, it would end the process.
    if (refused !== undefined) return;
    try {
      take();
    } catch (error) {
      refused = error;
      cancel();
    }
  };
  // Without values the simple protocol is used, which takes several statements. `rows` makes the server wait in between;
  // the driver's types do not name it. A list becomes an array of the database, an object JSON: the driver does both.
  const settings = { text, types, rowMode: "array", ...(values.length === 0 ? {} : { values, rows: rowsAtOnce }) };
  const query = new pg.Query(settings as unknown as pg.QueryConfig);
  query.on("row", (row: unknown, result?: unknown) =>
    guarded(() => {
      if (result !== current) {
        current = result;
        sink.begin(namesOf(result));
      }
      sink.row(row as never); // cells, by `rowMode` and our parsers
    }),
  );
  const ended = once(query, "end");
  client.query(query);
  let results: unknown;
  try {
    [results] = (await ended) as [unknown];
  } catch (error) {
    throw refused ?? error;
  }
  if (refused !== undefined) throw refused instanceof Error ? refused : new Error(String(refused));
  const last: unknown = Array.isArray(results) ? results.at(-1) : results;
  if (last !== current) sink.begin(namesOf(last));
  return typeof last === "object" && last !== null && "rowCount" in last && typeof last.rowCount === "number"
    ? last.rowCount
    : 0;
}

const namesOf = (result: unknown): readonly string[] =>
  result instanceof Object && "fields" in result ? (result as pg.QueryArrayResult).fields.map(({ name }) => name) : []; // the driver's own

/** A cancel request (https://www.postgresql.org/docs/current/protocol-message-formats.html), over TLS where the address says so. */
async function cancelStatement(address: PostgresAddress, client: pg.Client): Promise<void> {
  // The driver keeps both and does not name them in its types.
  const { processID, secretKey } = client as unknown as { processID: unknown; secretKey: unknown };
  if (typeof processID !== "number" || typeof secretKey !== "number") return;
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(80_877_102, 4);
  request.writeInt32BE(processID, 8);
  request.writeInt32BE(secretKey, 12);
  let socket: Socket | undefined;
  try {
    const plain = address.host.startsWith("/")
      ? connectTcp(`${address.host}/.s.PGSQL.${address.port}`)
      : connectTcp(address.port, address.host);
    socket = plain;
    plain.setTimeout(cancelTimeoutMs, () => plain.destroy(new Error("no answer")));
    await once(plain, "connect");
    if (address.tls !== false) {
      const wish = Buffer.alloc(8);
      wish.writeInt32BE(8, 0);
      wish.writeInt32BE(80_877_103, 4);
      plain.write(wish);
      const [answer] = (await once(plain, "data")) as [Buffer];
      if (answer.toString("latin1") !== "S") return;
      socket = connectTls({ ...address.tls, socket: plain });
      await once(socket, "secureConnect");
    }
    socket.end(request);
    await once(socket, "close");
  } catch {
    // The statement is told in the other way too: its connection is closed when the grace is over.
  } finally {
    socket?.destroy();
  }
}

/** What the server said, with its code and the place in the query; never a part of the address. */
export function postgresProblem(error: unknown, query: string): string {
  if (error instanceof ResultRefused) return error.message;
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  if (error instanceof pg.DatabaseError) {
    const place = error.position === undefined ? "" : placeIn(query, Number(error.position));
    const hint = error.hint === undefined ? "" : `; ${error.hint}`;
    return `${message}${place} (SQLSTATE ${code})${hint}`;
  }
  return (
    connectionProblems[code] ?? `the connection to the database failed: ${message}${code === "" ? "" : ` (${code})`}`
  );
}

const connectionProblems: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the database refused the connection",
  ENOTFOUND: "the database's host name cannot be resolved",
  EAI_AGAIN: "the database's host name cannot be resolved now",
  ETIMEDOUT: "the database cannot be reached",
  EHOSTUNREACH: "the database's host cannot be reached",
  ECONNRESET: "the database closed the connection",
  ENOENT: "there is no database at this socket",
};

function placeIn(query: string, position: number): string {
  const lines = [...query]
    .slice(0, Math.max(0, position - 1))
    .join("")
    .split("\n");
  return ` at line ${lines.length}, column ${[...(lines.at(-1) ?? "")].length + 1} of the query`;
}
