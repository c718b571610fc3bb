// The entities and the migrated database say the same, so that a migration without its entity, or the reverse, fails.
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { requestDataSource } from "./cold-reads.ts";
import { migrations } from "./data-source.ts";

const database = await cloneDatabase();
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
const source = await requestDataSource(database).initialize();
afterAll(async () => {
  await source.destroy();
  await owner.end();
});

interface ColumnShape {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly primary: boolean;
}
const order = (a: ColumnShape, b: ColumnShape): number =>
  `${a.table}.${a.column}` < `${b.table}.${b.column}` ? -1 : 1;

const stored = async (): Promise<ColumnShape[]> => {
  const { rows } = await owner.query<ColumnShape>(
    `SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type,
            NOT a.attnotnull AS nullable, coalesce(a.attnum = ANY (i.indkey), false) AS primary
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'schema_migrations'`,
  );
  return rows;
};

/** TypeORM has no such type; the column is the position of the live stream and read by SQL alone. */
const withoutProperty = (column: ColumnShape): boolean => column.table === "run_events" && column.column === "tx";

test("every table has an entity with its columns, types, nullability and primary key, and no other", async () => {
  const declared = source.entityMetadatas.flatMap((entity) =>
    entity.columns.map((column): ColumnShape => {
      const type = source.driver.normalizeType(column);
      return {
        table: entity.tableName,
        column: column.databaseName,
        type: column.isArray ? `${type}[]` : type,
        nullable: column.isNullable,
        primary: column.isPrimary,
      };
    }),
  );
  const found = await stored();
  expect(found.filter(withoutProperty)).toEqual([
    { table: "run_events", column: "tx", type: "xid8", nullable: false, primary: false },
  ]);
  expect(declared.toSorted(order)).toEqual(found.filter((column) => !withoutProperty(column)).toSorted(order));
});

test("a column that only the database has is a difference", async () => {
  await owner.query("ALTER TABLE pools ADD COLUMN planted text");
  try {
    const names = (await stored()).filter((column) => column.table === "pools").map((column) => column.column);
    const entity = source.entityMetadatas.find((one) => one.tableName === "pools");
    expect(names.filter((name) => entity?.columns.every((column) => column.databaseName !== name))).toEqual([
      "planted",
    ]);
  } finally {
    await owner.query("ALTER TABLE pools DROP COLUMN planted");
  }
});

test("every row type can be read through its repository", async () => {
  const denied: string[] = [];
  for (const entity of source.entityMetadatas) {
    await source
      .getRepository(entity.target)
      .find({ take: 1 })
      .catch((error: unknown) => {
        // Tables of other roles: the request role may not see users and credentials.
        if (!(error instanceof Error) || !error.message.includes("permission denied")) throw error;
        denied.push(entity.tableName);
      });
  }
  expect(denied.toSorted()).toEqual([
    "device_codes",
    "members",
    "search_position",
    "sign_in_flows",
    "sign_in_links",
    "user_identities",
    "user_invitations",
    "user_passwords",
    "user_sessions",
    "users",
  ]);
});

test("migrations run in the order of their list, which is that of the thirteen digits at the end of their names", () => {
  const stamps = migrations.map((migration) => Number(new migration().name.slice(-13)));
  expect(stamps.every((stamp, i) => i === 0 || stamp > (stamps[i - 1] ?? 0))).toBe(true);
});
