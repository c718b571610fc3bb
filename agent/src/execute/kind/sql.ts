// `sql`: a query with bound parameters on PostgreSQL (in the runner) or on a SQLite file (in a process, because a statement
// at work there can be ended in no other way).
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  AppError,
  evaluateTree,
  inlineValueBytesMax,
  type DynamicJson,
  type JsonObject,
  type JsonValue,
  type SqlAction,
} from "@capstan/proto";
import type { SecretResolver } from "../../secrets/resolver.ts";
import { unpackBundle } from "../../workspace/bundle.ts";
import { makeFolderParts, type AttemptFolder } from "../../workspace/directory.ts";
import { keepFile } from "../../workspace/file-store.ts";
import { cacheOf, tellFile } from "../../workspace/kept-data.ts";
import { readBeneath } from "../../workspace/open-beneath.ts";
import type { ExecutorContext, Finished, Prepared, ProcessExit } from "../executor.ts";
import { checkedOutputs } from "./collect-outputs.ts";
import type { HostVariables } from "./environment.ts";
import { failed, failure } from "./failure.ts";
import { fileOf } from "./input-files.ts";
import { postgresAddress } from "./postgres-address.ts";
import { contextOf, markOf, resolveMarks, withSecrets } from "./resolve-fields.ts";
import { ResultRefused, ResultSink, type ResultPlan, type SqlResult } from "./sql-result.ts";
import { bindText, type BoundText, type Dialect } from "./sql-text.ts";
import type { SqliteAnswer, SqliteOrder } from "./sqlite-program.ts";

const rowsMaxDefault = 10_000;
const queryBytesMax = 1024 * 1024;
const answerBytesMax = 2 * 1024 * 1024;
const answerName = "sql-answer.json";

/** Beside this module, with the same ending: `.ts` from source, `.js` when built. */
const sqliteProgram = fileURLToPath(
  new URL(`./sqlite-program${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
);

interface SqlPlan extends BoundText {
  readonly url: string;
  readonly transaction: boolean;
  readonly result: ResultPlan;
  readonly folder: AttemptFolder;
}

const wrong = (message: string): AppError => new AppError("expression_failed", message);

/** @throws expression_failed, setup_failed, and what secrets throw */
export async function prepareSql(
  context: ExecutorContext,
  action: SqlAction,
  resolver: SecretResolver,
  host: HostVariables,
): Promise<Prepared> {
  const folder = makeFolderParts(context.attemptDir, context.spaceDir, false);
  const { url, params } = await fieldsOf(context, action, resolver);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? "";
  const dialect = dialects[scheme];
  if (dialect === undefined) {
    const known =
      scheme === "mysql" || scheme === "mssql"
        ? `${scheme}: databases are not supported yet`
        : "sql.url has an unknown scheme";
    const message = `${known}; use postgres: or sqlite:`;
    return { kind: "failed", failure: failure("error", "sql_error", message), retryable: false };
  }
  const format = action.format ?? "csv";
  const kind = action.result ?? "rows";
  const plan: SqlPlan = {
    ...bindText(queryOf(context, action), params, dialect),
    url,
    transaction: action.transaction ?? true,
    result: {
      kind,
      format,
      // A file is for what is large: it has no limit unless one is written.
      rowsMax: action.maxRows ?? (kind === "file" ? undefined : rowsMaxDefault),
      inlineBytesMax: inlineValueBytesMax - 1024,
      file: join(folder.work, `result.${format}`),
    },
    folder,
  };
  return dialect === "postgres" ? await postgresPlan(context, plan) : sqlitePlan(context, plan, host);
}

const dialects: Readonly<Record<string, Dialect | undefined>> = {
  postgres: "postgres",
  postgresql: "postgres",
  sqlite: "sqlite",
};

async function fieldsOf(
  context: ExecutorContext,
  { url, params }: SqlAction,
  resolver: SecretResolver,
): Promise<{ readonly url: string; readonly params: readonly JsonValue[] | JsonObject | undefined }> {
  const given = { url, ...(params === undefined ? {} : { params }) };
  const marked = evaluateTree(given as DynamicJson, contextOf(context)) as JsonObject; // an object in, an object out
  const secrets = await resolveMarks([marked["url"]], context, resolver);
  const address = withSecrets(marked["url"] ?? "", secrets);
  if (typeof address !== "string") throw wrong("sql.url is no text");
  const values = marked["params"];
  for (const value of Object.values(values ?? {})) {
    if (fileOf(value) !== undefined) throw wrong("sql.params holds a File; a database takes values");
    if (markOf(value) !== undefined) throw wrong("sql.params holds a secret; it cannot be bound");
  }
  return { url: address, params: values as readonly JsonValue[] | JsonObject | undefined }; // a list or a map, by the schema
}

function queryOf(context: ExecutorContext, action: SqlAction): string {
  if (action.query !== undefined) return action.query;
  const file = action.file ?? "";
  if (context.bundle === undefined) throw new AppError("setup_failed", `the code bundle with ${file} is missing`);
  const read = readBeneath(unpackBundle(context.cacheDir, context.bundle), file, queryBytesMax);
  if (read.kind === "refused")
    throw new AppError("setup_failed", `the query ${file} is not in the code bundle (${read.why})`);
  return read.bytes.toString("utf8");
}

async function postgresPlan(context: ExecutorContext, plan: SqlPlan): Promise<Prepared> {
  const address = postgresAddress(plan.url);
  // The address is masked as a whole; a server may repeat a part of it.
  if (address.password !== "") context.mask([address.password]);
  // Loaded where it is first used: most runners never speak to a database.
  const { postgresProblem, runPostgres } = await import("./postgres-statement.ts");
  return {
    kind: "inProcess",
    run: async (signal, log) => {
      log(`postgres ${address.host}:${address.port} ${address.database}\n`);
      const sink = new ResultSink(plan.result);
      try {
        const result = await runPostgres({ ...plan, address }, sink, signal, log);
        return await finished(context, plan, result, log);
      } catch (error) {
        if (signal.aborted) throw error;
        const message = postgresProblem(error, plan.text);
        log(`${message}\n`);
        return refused(error instanceof ResultRefused ? error.code : "sql_error", message);
      } finally {
        sink.close();
      }
    },
  };
}

const refused = (code: ResultRefused["code"], message: string): Finished =>
  code === "output_too_large" ? failed(failure("output", code, message)) : failed(failure("error", code, message));

/** `sqlite:/path`, `sqlite:///path` or `sqlite::memory:`, with `?mode=ro`, `rw` or `rwc` (the default). */
const sqliteAddress = /^sqlite:(?:\/\/)?(?<path>\/[^?\0]*|:memory:)(?:\?mode=(?<mode>ro|rwc|rw))?$/i;

function sqlitePlan(context: ExecutorContext, plan: SqlPlan, host: HostVariables): Prepared {
  const { path, mode } = sqliteAddress.exec(plan.url)?.groups ?? {};
  if (path === undefined)
    throw wrong("sql.url: write sqlite:/absolute/path, with ?mode=ro where nothing may be written");
  const { folder } = plan;
  const { rowsMax, ...result } = plan.result;
  const order: SqliteOrder = {
    path,
    mode: mode === "ro" || mode === "rw" ? mode : "rwc",
    text: plan.text,
    values: plan.values.map(sqliteValue),
    transaction: plan.transaction,
    result: { ...result, ...(rowsMax === undefined ? {} : { rowsMax }) },
    answer: join(folder.root, answerName),
  };
  return {
    kind: "process",
    argv: [process.execPath, "--no-warnings", sqliteProgram],
    env: { ...host, TMPDIR: folder.temporary },
    cwd: folder.work,
    stdin: JSON.stringify(order),
    collect: async (exit) => await collectSqlite(context, plan, exit),
  };
}

function sqliteValue(value: JsonValue): string | number | null {
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
}

async function collectSqlite(context: ExecutorContext, plan: SqlPlan, exit: ProcessExit): Promise<Finished> {
  if (exit.oom) return failed(failure("oom", "oom", "the memory limit was met and the statement was killed"));
  const file = readBeneath(plan.folder.root, answerName, answerBytesMax);
  if (exit.stopped !== undefined || file.kind === "refused") {
    const how = exit.signal ?? `exit code ${exit.exitCode}`;
    return refused("sql_error", `the program that runs SQLite ended with ${how} and gave no answer`);
  }
  const answer = JSON.parse(file.bytes.toString("utf8")) as SqliteAnswer; // our own program's
  if (answer.kind === "failed") {
    context.note(answer.message);
    return refused(answer.code, answer.message);
  }
  return await finished(context, plan, answer.result, (text) => context.note(text.trimEnd()));
}

async function finished(
  context: ExecutorContext,
  plan: SqlPlan,
  result: SqlResult,
  log: (text: string) => void,
): Promise<Finished> {
  log(`${result.rowCount} rows\n`);
  let given = { ...result } as unknown as JsonObject; // cells are JSON
  if (plan.result.kind === "file") {
    const { work } = plan.folder;
    const kept = await keepFile(cacheOf(context, "file"), work, `result.${plan.result.format}`);
    if (kept.kind === "refused")
      return failed(failure("output", "output_invalid", `the result file cannot be read (${kept.why})`));
    given = { ...given, file: await tellFile(context, "file", kept.path, kept.file) };
  }
  const checked = checkedOutputs(context, given);
  return checked.kind === "outputs" ? { outcome: "succeeded", outputs: checked.outputs } : failed(checked.failure);
}
