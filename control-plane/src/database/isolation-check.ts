// Asserted at every start: what row-level security rests on. Anybody with the owner's password can undo it by hand.
import { AppError } from "@capstan/proto";
import type { RuntimeRole } from "./pool.ts";

const runtimeRoles: readonly RuntimeRole[] = ["capstan_api", "capstan_engine", "capstan_auth"];

/** Found out before the project is known, by the guard's role alone. */
const uncovered = ["members"];

interface Broken {
  readonly what: string;
}

/** Anything that takes a statement: the catalogue is readable by every role. */
export interface Catalogue {
  query(text: string, values: unknown[]): Promise<{ readonly rows: Broken[] }>;
}

/**
 * Checks that no runtime role is a superuser, owns a table or may bypass row-level security, and that every table with
 * project_id has it enabled and forced.
 * @throws isolation_broken
 */
export async function checkIsolation(catalogue: Catalogue): Promise<void> {
  const { rows } = await catalogue.query(
    `SELECT 'role ' || rolname || ' is a superuser' AS what FROM pg_roles WHERE rolname = ANY ($1) AND rolsuper
     UNION ALL
     SELECT 'role ' || rolname || ' may bypass row-level security' FROM pg_roles WHERE rolname = ANY ($1) AND rolbypassrls
     UNION ALL
     SELECT 'role ' || pg_get_userbyid(relowner) || ' owns ' || relname FROM pg_class
      WHERE relnamespace = 'public'::regnamespace AND pg_get_userbyid(relowner) = ANY ($1)
     UNION ALL
     SELECT 'role ' || r.rolname || ' is a member of ' || o.rolname
       FROM pg_roles r JOIN pg_auth_members m ON m.member = r.oid JOIN pg_roles o ON o.oid = m.roleid
      WHERE r.rolname = ANY ($1)
     UNION ALL
     SELECT 'table ' || c.relname || ' has no forced row-level security'
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'project_id'
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND NOT (c.relrowsecurity AND c.relforcerowsecurity) AND c.relname <> ALL ($2)`,
    [[...runtimeRoles], uncovered],
  );
  if (rows.length === 0) return;
  const what = rows.map((row) => row.what).join("; ");
  throw new AppError("isolation_broken", `The database does not keep projects apart: ${what}. Nothing was started.`);
}
