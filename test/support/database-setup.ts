// One PostgreSQL for all database tests of a run: the product's own, in a throw-away folder on a Unix socket.
// The schema is migrated once, into a template that every test file clones. CAPSTAN_TEST_POSTGRES_BIN names the folder
// of another version's programs, which then serve instead.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { startPostgres } from "../../cli/src/dev/postgres.ts";
import { migrate } from "../../control-plane/src/database/data-source.ts";
import { startSystemPostgres } from "./system-postgres.ts";
import { databaseUrl, templateName } from "./database-url.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The owner's URL of the server's `postgres` database. */
    readonly databaseServer: string;
    /** The key that the passwords of the runtime roles are derived from, hexadecimal. */
    readonly databaseRoleKey: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const bin = process.env["CAPSTAN_TEST_POSTGRES_BIN"];
  const folder = await mkdtemp(join(tmpdir(), "capstan-db-"));
  const server = bin
    ? await startSystemPostgres(bin, folder)
    : await startPostgres({ dataDir: folder, ephemeral: true });
  const url = server.url;
  const roleKey = randomBytes(32);
  const owner = new pg.Client({ connectionString: databaseUrl(url, "postgres") });
  await owner.connect();
  await owner.query(`DROP DATABASE IF EXISTS ${templateName}`);
  await owner.query(`CREATE DATABASE ${templateName}`);
  await owner.end();
  await migrate(databaseUrl(url, templateName), roleKey);
  project.provide("databaseServer", databaseUrl(url, "postgres"));
  project.provide("databaseRoleKey", roleKey.toString("hex"));
  return async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
