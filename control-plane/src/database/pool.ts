// Connections to PostgreSQL, one pool per role.
//  P1. The owner's connection is for migrations only; requests use capstan_api, the engine capstan_engine, the guard
//      capstan_auth. None of these may bypass row-level security.
//  P2. One statement at a time per connection; batches go as one parameter per table.
import { createHmac } from "node:crypto";
import pg from "pg";
import { parse } from "pg-connection-string";

export type RuntimeRole = "capstan_api" | "capstan_engine" | "capstan_auth";

export interface DatabaseOptions {
  /** The owner's connection, a libpq URL; a Unix socket by `?host=/path`. */
  readonly url: string;
  /** 32 bytes or more; the passwords of the runtime roles are derived from it, so every replica knows them. */
  readonly roleKey: Buffer;
  /** Connections for requests; the engine and the guard have their own few. Default 10. */
  readonly poolSize?: number;
}

export interface Pools {
  /** The commit statement alone: two in flight, plans made once and kept (`commit-batch.sql` B5). */
  readonly hot: pg.Pool;
  readonly engine: pg.Pool;
  readonly api: pg.Pool;
  readonly auth: pg.Pool;
  close(): Promise<void>;
}

/** The password of a runtime role: HMAC-SHA-256 of the key and the role's name, in hex. */
export const rolePassword = (roleKey: Buffer, role: RuntimeRole): string =>
  createHmac("sha256", roleKey).update(role).digest("hex");

/** Connection settings of the owner, for migrations. */
export function ownerSettings(url: string): pg.PoolConfig {
  const parsed = parse(url);
  return {
    host: parsed.host ?? "localhost",
    port: parsed.port ? Number(parsed.port) : 5432,
    user: parsed.user ?? "postgres",
    database: parsed.database ?? "capstan",
    ...(parsed.password === undefined ? {} : { password: parsed.password }),
    // pg takes `true` and an options object alike; anything else in the URL was refused by the parser.
    ...(parsed.ssl === undefined ? {} : { ssl: parsed.ssl as boolean }),
  };
}

/** Pools of the runtime roles. Connects lazily: nothing is tried before the first query. */
export function createPools(options: DatabaseOptions): Pools {
  const owner = ownerSettings(options.url);
  const make = (role: RuntimeRole, max: number, extra: pg.PoolConfig = {}): pg.Pool => {
    const pool = new pg.Pool({
      ...owner,
      user: role,
      password: rolePassword(options.roleKey, role),
      max,
      connectionTimeoutMillis: 5_000,
      idleTimeoutMillis: 60_000,
      application_name: role,
      ...extra,
    });
    // An idle connection that breaks (database restarted) is dropped; the next query opens another.
    pool.on("error", () => undefined);
    // One that breaks while it is checked out fails the query that it carries; without a listener the event would end
    // the process.
    pool.on("connect", (client) => client.on("error", () => undefined));
    return pool;
  };
  const hot = make("capstan_engine", 2, {
    options:
      "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off",
    application_name: "capstan_commit",
    // Kept however idle: opening one makes its row types and prepares its statements anew.
    idleTimeoutMillis: 0,
  });
  const engine = make("capstan_engine", 8);
  // A server that is frozen answers nothing: a request is told so instead of hanging with it.
  const api = make("capstan_api", options.poolSize ?? 10, { query_timeout: 10_000 });
  const auth = make("capstan_auth", 4, { query_timeout: 10_000 });
  return {
    hot,
    engine,
    api,
    auth,
    close: async () => {
      await Promise.allSettled([hot.end(), engine.end(), api.end(), auth.end()]);
    },
  };
}

/**
 * Runs `work` in one transaction of the request role that sees the given project only. The setting is local to the
 * transaction, so a pooled connection never carries it on.
 */
export async function withProject<T>(
  pool: pg.Pool,
  projectId: string,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query("BEGIN");
    await client.query({
      name: "project_scope",
      text: "SELECT set_config('capstan.project_id', $1, true)",
      values: [projectId],
    });
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch((rollback: Error) => {
      broken = rollback;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/**
 * Waits until no other transaction writes what `name` names, and keeps others waiting until this one ends: for what may not
 * be there yet, so that there is no row to lock.
 */
export async function oneWriter(client: pg.PoolClient, name: string): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [name]);
}

/** Runs `work` in one transaction on a pool whose role is not confined to a project. */
export async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch((rollback: Error) => {
      broken = rollback;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/** True for errors that mean "the database cannot be reached now": the caller may try again. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code; // pg and node put a string here
  if (typeof code === "string") {
    if (/^(08|57P0|53)/.test(code)) return true;
    // A socket that is not there yet; any other file that is missing is nothing to wait for.
    if (code === "ENOENT") return (error as { syscall?: unknown }).syscall === "connect"; // node's own errors have it
    if (["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENOTFOUND"].includes(code)) return true;
  }
  return /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|Query read timeout/.test(
    error.message,
  );
}
