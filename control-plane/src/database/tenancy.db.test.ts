// What keeps projects apart in the database, read from its catalogue: a table that a migration forgets fails here.
import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { checkIsolation } from "./isolation-check.ts";
import { createPools, withProject } from "./pool.ts";

const database = await cloneDatabase();
const pools = createPools(database);
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await pools.close();
  await owner.end();
});

const ours = randomUUID();
const theirs = randomUUID();
await owner.query("INSERT INTO projects (id, name) VALUES ($1, 'ours'), ($2, 'theirs')", [ours, theirs]);
const rows = async <T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> =>
  (await owner.query<T>(text, values)).rows;

/** Tables with project_id. `members` alone is asked before the project is known, by the guard's own role. */
const projectTables = (
  await rows<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'project_id'
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1`,
  )
).map((row) => row.name);
const scoped = projectTables.filter((name) => name !== "members");

test("every table of a project has row-level security, enabled and forced", async () => {
  expect(projectTables.length).toBeGreaterThan(20);
  const open = await rows<{ relname: string }>(
    "SELECT relname FROM pg_class WHERE relname = ANY ($1) AND NOT (relrowsecurity AND relforcerowsecurity)",
    [scoped],
  );
  expect(open).toEqual([]);
});

test("the request role has one policy per table, bound to the project of the transaction, for reading and writing", async () => {
  const found = await rows<{ name: string; policies: number; cmd: string; using: string; check: string }>(
    `SELECT tablename AS name, count(*)::int AS policies, min(cmd) AS cmd, min(qual) AS using, min(with_check) AS check
       FROM pg_policies WHERE 'capstan_api' = ANY (roles) OR 'public' = ANY (roles) GROUP BY tablename ORDER BY 1`,
  );
  expect(found.map((row) => row.name)).toEqual(scoped);
  const bound = "(project_id = (NULLIF(current_setting('capstan.project_id'::text, true), ''::text))::uuid)";
  for (const row of found) expect(row).toMatchObject({ policies: 1, cmd: "ALL", using: bound, check: bound });
});

test("beside it the engine has policies on the tables that it writes, and the guard on those that it needs", async () => {
  const found = await rows<{ role: string; name: string }>(
    "SELECT r.role::text, tablename::text AS name FROM pg_policies, unnest(roles) AS r(role) WHERE r.role <> 'capstan_api' ORDER BY 2",
  );
  const tablesOf = (role: string) => found.filter((row) => row.role === role).map((row) => row.name);
  expect(new Set(found.map((row) => row.role))).toEqual(new Set(["capstan_engine", "capstan_auth"]));
  // The guard finds a token before it knows a project, and writes members with their audit records.
  expect(tablesOf("capstan_auth").toSorted()).toEqual(["api_tokens", "audit_records", "idempotency_keys", "pools"]);
  const never = [
    "deploys",
    "bundles",
    "files",
    "audit_records",
    "api_tokens",
    "members",
    "users",
    "user_sessions",
    "webhook_secrets",
    "endpoint_secrets",
  ];
  expect(tablesOf("capstan_engine").filter((name) => never.includes(name))).toEqual([]);
});

test("every primary key and every foreign key between tables of projects contains project_id", async () => {
  const keys = await rows<{ table: string; contype: string; target: string; columns: string[]; refers: string[] }>(
    `SELECT c.conrelid::regclass::text AS table, c.contype::text, c.confrelid::regclass::text AS target,
            array(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(n, i)
                    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.i) AS columns,
            array(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(n, i)
                    JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.i) AS refers
       FROM pg_constraint c WHERE c.conrelid::regclass::text = ANY ($1) AND c.contype IN ('p', 'f')`,
    [projectTables],
  );
  const primary = keys.filter((key) => key.contype === "p");
  expect(primary.map((key) => key.table).toSorted()).toEqual(projectTables);
  expect(primary.filter((key) => key.columns[0] !== "project_id")).toEqual([]);
  const foreign = keys.filter((key) => key.contype === "f" && key.target !== "projects" && key.target !== "users");
  expect(foreign.length).toBeGreaterThan(5);
  const crossing = foreign.filter((key) => key.refers[key.columns.indexOf("project_id")] !== "project_id");
  expect(crossing).toEqual([]);
});

test("unique keys of a project's tables contain project_id, but for those that are looked up before it is known", async () => {
  const found = await rows<{ table: string; columns: string[] }>(
    `SELECT i.indrelid::regclass::text AS table,
            array(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)) AS columns
       FROM pg_index i WHERE i.indisunique AND i.indrelid::regclass::text = ANY ($1)`,
    [projectTables],
  );
  const without = found
    .filter((key) => !key.columns.includes("project_id"))
    .map((key) => `${key.table}: ${key.columns.join()}`);
  // All are made of 100 random bits or more: a conflict tells nobody anything.
  expect(without.toSorted()).toEqual(["agents: key_thumbprint", "api_tokens: token_sha256", "join_tokens: public_id"]);
});

test("grants are exactly these", async () => {
  const found = await rows<{ grantee: string; rights: string; tables: string[] }>(
    `SELECT grantee, rights, array_agg(name ORDER BY name) AS tables FROM (
       SELECT grantee::text, table_name::text AS name, string_agg(privilege_type, ' ' ORDER BY privilege_type) AS rights
         FROM information_schema.role_table_grants
        WHERE table_schema = 'public' AND grantee NOT IN (SELECT rolname FROM pg_roles WHERE rolsuper)
        GROUP BY 1, 2) AS g GROUP BY grantee, rights ORDER BY 1, 2`,
  );
  const all = "DELETE INSERT SELECT UPDATE";
  const engineNever = [
    "api_tokens",
    "audit_records",
    "bundles",
    "deploys",
    "endpoint_secrets",
    "files",
    "webhook_secrets",
  ];
  expect(found).toEqual([
    { grantee: "capstan_api", rights: all, tables: scoped.filter((name) => name !== "audit_records") },
    { grantee: "capstan_api", rights: "INSERT SELECT", tables: ["audit_records"] },
    { grantee: "capstan_api", rights: "SELECT", tables: ["attempt_records", "lease_clock", "projects"] },
    { grantee: "capstan_api", rights: "SELECT UPDATE", tables: ["relay_position"] },
    {
      grantee: "capstan_auth",
      rights: all,
      tables: [
        "device_codes",
        "idempotency_keys",
        "members",
        "sign_in_flows",
        "sign_in_links",
        "user_identities",
        "user_invitations",
        "user_passwords",
        "user_sessions",
        "users",
      ],
    },
    { grantee: "capstan_auth", rights: "INSERT", tables: ["pools"] },
    { grantee: "capstan_auth", rights: "INSERT SELECT", tables: ["audit_records", "projects"] },
    { grantee: "capstan_auth", rights: "SELECT UPDATE", tables: ["api_tokens"] },
    { grantee: "capstan_engine", rights: all, tables: scoped.filter((name) => !engineNever.includes(name)) },
    { grantee: "capstan_engine", rights: "SELECT", tables: ["attempt_records", "projects"] },
    {
      grantee: "capstan_engine",
      rights: "SELECT UPDATE",
      tables: ["lease_clock", "relay_position", "search_position"],
    },
  ]);
});

test("a request without a project reads no row of any table and writes none", async () => {
  await withProject(pools.api, ours, (client) =>
    client.query("INSERT INTO pools (project_id, id, name) VALUES ($1, $2, 'only-ours')", [ours, randomUUID()]),
  );
  const counted: [string, number][] = [];
  // Also on a connection that served a project before: the setting it leaves behind is empty, which is no project.
  for (const table of scoped) {
    const { rowCount } = await pools.api.query(`SELECT 1 FROM ${table} LIMIT 1`);
    if (rowCount !== 0) counted.push([table, rowCount ?? 0]);
  }
  expect(counted).toEqual([]);
  await expect(
    pools.api.query("INSERT INTO pools (project_id, id, name) VALUES ($1, $2, 'x')", [ours, randomUUID()]),
  ).rejects.toThrow(/row-level security/);
});

test("a request within one project neither sees, changes nor adds rows of another", async () => {
  const id = randomUUID();
  await withProject(pools.api, theirs, (client) =>
    client.query("INSERT INTO pools (project_id, id, name) VALUES ($1, $2, 'theirs')", [theirs, id]),
  );
  await withProject(pools.api, ours, async (client) => {
    expect((await client.query("SELECT 1 FROM pools WHERE id = $1", [id])).rowCount).toBe(0);
    expect((await client.query("UPDATE pools SET name = 'mine' WHERE id = $1", [id])).rowCount).toBe(0);
    expect((await client.query("DELETE FROM pools WHERE id = $1", [id])).rowCount).toBe(0);
  });
  await expect(
    withProject(pools.api, ours, (client) =>
      client.query("INSERT INTO pools (project_id, id, name) VALUES ($1, $2, 'x')", [theirs, randomUUID()]),
    ),
  ).rejects.toThrow(/row-level security/);
  await expect(
    withProject(pools.api, ours, (client) =>
      client.query("UPDATE pools SET project_id = $1 WHERE name = 'only-ours'", [theirs]),
    ),
  ).rejects.toThrow(/row-level security/);
});

test("a row of one project cannot refer to a row of another, whoever writes it", async () => {
  const pool = randomUUID();
  await owner.query("BEGIN");
  try {
    await owner.query("SET LOCAL row_security = off");
    await owner.query("INSERT INTO pools (project_id, id, name) VALUES ($1, $2, 'p2')", [theirs, pool]);
    await expect(
      owner.query(
        "INSERT INTO lanes (project_id, id, pool_id, selector_hash, selector) VALUES ($1, $2, $3, 'h', '{}')",
        [ours, randomUUID(), pool],
      ),
    ).rejects.toThrow(/foreign key/);
  } finally {
    await owner.query("ROLLBACK");
  }
});

test("the roles of the running product are no superusers, own nothing and cannot bypass row-level security", async () => {
  await checkIsolation(pools.api);
  for (const [pool, statement] of [
    [pools.api, "TRUNCATE pools"],
    [pools.api, "ALTER TABLE pools DISABLE ROW LEVEL SECURITY"],
    [pools.api, "UPDATE audit_records SET actor = 'nobody'"],
    [pools.api, "DELETE FROM audit_records"],
    [pools.api, "SELECT token_sha256 FROM user_sessions"],
    [pools.engine, "SELECT 1 FROM users"],
    [pools.engine, "SELECT 1 FROM audit_records"],
    [pools.auth, "SELECT 1 FROM runs"],
  ] as const) {
    await expect(pool.query(statement), statement).rejects.toThrow(/permission denied|must be owner/);
  }
});

test.each([
  ["a role may bypass row-level security", "ALTER ROLE capstan_api BYPASSRLS", "ALTER ROLE capstan_api NOBYPASSRLS"],
  ["a role is a superuser", "ALTER ROLE capstan_engine SUPERUSER", "ALTER ROLE capstan_engine NOSUPERUSER"],
  ["a role owns a table", "ALTER TABLE timers OWNER TO capstan_auth", "ALTER TABLE timers OWNER TO CURRENT_USER"],
  [
    "a table is not covered",
    "ALTER TABLE timers NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE timers FORCE ROW LEVEL SECURITY",
  ],
])("the product does not start where %s", async (_, plant, undo) => {
  // Roles belong to the cluster: in a transaction that is never committed, nobody else sees it.
  await owner.query("BEGIN");
  try {
    await owner.query(plant);
    await expect(checkIsolation(owner)).rejects.toMatchObject({ code: "isolation_broken" });
    await owner.query(undo);
    await checkIsolation(owner);
  } finally {
    await owner.query("ROLLBACK");
  }
});

test("a connection that breaks in the middle of a transaction fails that transaction and nothing else", async () => {
  const broken = withProject(pools.api, ours, (client) =>
    client.query("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)"),
  );
  await expect(broken).rejects.toThrow(/terminat/);
  expect(await withProject(pools.api, ours, (client) => client.query("SELECT 1"))).toMatchObject({ rowCount: 1 });
});
