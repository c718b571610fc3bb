// TypeORM: schema, migrations and cold reads. The hot path never comes here.
import "reflect-metadata";
import { DataSource } from "typeorm";
import { AppError } from "@capstan/proto";
import pg from "pg";
import { Foundation0001 } from "./migration/0001-foundation.ts";
import { Mapping0003 } from "./migration/0003-mapping.ts";
import { Waiting0004 } from "./migration/0004-waiting.ts";
import { Again0005 } from "./migration/0005-again.ts";
import { Limits0006 } from "./migration/0006-limits.ts";
import { Order0008 } from "./migration/0008-order.ts";
import { RunGroups0009 } from "./migration/0009-run-groups.ts";
import { Cache0010 } from "./migration/0010-cache.ts";
import { AgentResources0011 } from "./migration/0011-agent-resources.ts";
import { Variables0012 } from "./migration/0012-variables.ts";
import { Schedules0013 } from "./migration/0013-schedules.ts";
import { People0014 } from "./migration/0014-people.ts";
import { SignIn0015 } from "./migration/0015-sign-in.ts";
import { Operations0016 } from "./migration/0016-operations.ts";
import { Hooks0017 } from "./migration/0017-hooks.ts";
import { BackfillsSearch0018 } from "./migration/0018-backfills-search.ts";
import { AllowedData0019 } from "./migration/0019-allowed-data.ts";
import { DerivedVersions0021 } from "./migration/0021-derived-versions.ts";
import { AgentNames0024 } from "./migration/0024-agent-names.ts";
import { DedupeKeys0025 } from "./migration/0025-dedupe-keys.ts";
import { ownerSettings, rolePassword, type RuntimeRole } from "./pool.ts";

/** All migrations in order; the length is the schema's number. */
export const migrations = [
  Foundation0001,
  Mapping0003,
  Waiting0004,
  Again0005,
  Limits0006,
  Order0008,
  RunGroups0009,
  Cache0010,
  AgentResources0011,
  Variables0012,
  Schedules0013,
  People0014,
  SignIn0015,
  Operations0016,
  Hooks0017,
  BackfillsSearch0018,
  AllowedData0019,
  DerivedVersions0021,
  AgentNames0024,
  DedupeKeys0025,
] as const;
export const schemaVersion = migrations.length;

/** A DataSource of the owner, for migrations only. */
export function ownerDataSource(url: string): DataSource {
  const settings = ownerSettings(url);
  return new DataSource({
    type: "postgres",
    host: settings.host ?? "localhost",
    port: settings.port ?? 5432,
    username: settings.user ?? "postgres",
    database: settings.database ?? "capstan",
    ...(typeof settings.password === "string" ? { password: settings.password } : {}),
    ...(typeof settings.ssl === "boolean" ? { ssl: settings.ssl } : {}),
    synchronize: false,
    migrationsTableName: "schema_migrations",
    migrationsTransactionMode: "each",
    migrations: [...migrations],
    poolSize: 2, // one holds the lock, one migrates
  });
}

export interface MigrationResult {
  readonly from: number;
  readonly to: number;
  readonly tookMs: number;
}

/**
 * Brings the schema up to this version, under an advisory lock so that replicas starting together wait for one another,
 * and lets the runtime roles sign in.
 * @throws data_newer where the database was written by a newer version; nothing is touched
 */
export async function migrate(url: string, roleKey: Buffer): Promise<MigrationResult> {
  const started = performance.now();
  const source = ownerDataSource(url);
  await source.initialize();
  try {
    const runner = source.createQueryRunner();
    try {
      await runner.query("SELECT pg_advisory_lock(7420)");
      const found = await appliedMigrations(runner);
      if (found > schemaVersion) {
        throw new AppError(
          "data_newer",
          `the database has schema ${found}; this version knows schema ${schemaVersion}. Nothing was changed. Start the newer Capstan again, or use an empty database.`,
        );
      }
      if (found < schemaVersion) await source.runMigrations({ transaction: "each" });
      await letRolesIn(url, roleKey, runner);
      return { from: found, to: schemaVersion, tookMs: performance.now() - started };
    } finally {
      await runner.query("SELECT pg_advisory_unlock(7420)").catch(() => undefined);
      await runner.release();
    }
  } finally {
    await source.destroy();
  }
}

async function appliedMigrations(runner: { query(text: string): Promise<unknown> }): Promise<number> {
  const exists = (await runner.query("SELECT to_regclass('schema_migrations') AS found")) as { found: string | null }[];
  if (exists[0]?.found == null) return 0;
  const rows = (await runner.query("SELECT count(*)::int AS count FROM schema_migrations")) as { count: number }[];
  return rows[0]?.count ?? 0;
}

/** Sets the derived passwords where the roles cannot sign in with them yet (trusted sockets need none). */
async function letRolesIn(
  url: string,
  roleKey: Buffer,
  runner: { query(text: string): Promise<unknown> },
): Promise<void> {
  const all: readonly RuntimeRole[] = ["capstan_api", "capstan_engine", "capstan_auth"];
  for (const role of all) {
    const password = rolePassword(roleKey, role);
    const client = new pg.Client({ ...ownerSettings(url), user: role, password });
    try {
      await client.connect();
    } catch (error) {
      const code = (error as { code?: string }).code; // SQLSTATE, where the server answered
      if (code !== "28P01" && code !== "28000") throw error;
      // The password is hexadecimal, so it needs no escaping; DDL takes no parameters.
      await runner.query(`ALTER ROLE ${role} LOGIN PASSWORD '${password}'`);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
