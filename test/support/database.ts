// A database of its own for each test file, cloned from the migrated template in some 50 ms.
import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, inject } from "vitest";
import { databaseUrl, templateName } from "./database-url.ts";

export interface TestDatabase {
  /** The owner's URL of this file's database. */
  readonly url: string;
  /** As `createPools` and `migrate` of the control plane take it. */
  readonly roleKey: Buffer;
}

/** Clones the template; the clone is dropped when the file's tests are done. */
export async function cloneDatabase(): Promise<TestDatabase> {
  const server = inject("databaseServer");
  const name = `capstan_test_${randomBytes(6).toString("hex")}`;
  const onServer = async (statement: string): Promise<void> => {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  await onServer(`CREATE DATABASE ${name} TEMPLATE ${templateName}`);
  afterAll(() => onServer(`DROP DATABASE ${name} WITH (FORCE)`));
  return { url: databaseUrl(server, name), roleKey: Buffer.from(inject("databaseRoleKey"), "hex") };
}
