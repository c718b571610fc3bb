// Workflows that are not started any more: by a deploy that leaves them out, or one alone. Their versions and runs stay.
import type pg from "pg";
import type { CheckEdition } from "../../http/etag.ts";
import type { EditionRow, WorkflowSettings } from "../../workflow/workflow.store.ts";
import { withProject } from "../pool.ts";
import { appendAudit } from "./audit-append.ts";
import { editionColumns, editionOf, fromVersions, oneDeploy, type EditionColumns } from "./edition-rows.ts";

/** Within the transaction of a deploy. */
export async function retireWorkflows(
  client: pg.PoolClient,
  projectId: string,
  names: readonly string[],
): Promise<void> {
  await client.query(
    `UPDATE workflows SET retired_at = clock_timestamp()
      WHERE project_id = $1 AND name = ANY ($2) AND retired_at IS NULL`,
    [projectId, names],
  );
  await client.query(
    `DELETE FROM workflow_triggers t USING workflows w
      WHERE t.project_id = $1 AND w.project_id = t.project_id AND w.id = t.workflow_id AND w.name = ANY ($2)`,
    [projectId, names],
  );
  // Deployed again, they begin anew: what they missed while there was no such workflow is nothing to make up for.
  await client.query(
    `DELETE FROM schedules s USING workflows w
      WHERE s.project_id = $1 AND w.project_id = s.project_id AND w.id = s.workflow_id AND w.name = ANY ($2)`,
    [projectId, names],
  );
}

/** One workflow, in a transaction of its own; false where there is none of that name. */
export function retireOne(
  pool: pg.Pool,
  projectId: string,
  workflow: { readonly name: string; readonly actor: string },
  check: CheckEdition<{ readonly current: WorkflowSettings; readonly others: readonly EditionRow[] }>,
): Promise<boolean> {
  const { name, actor } = workflow;
  return withProject(pool, projectId, async (client) => {
    await oneDeploy(client, projectId);
    const active = `${fromVersions} WHERE w.project_id = $1 AND w.retired_at IS NULL AND v.digest = w.active_digest`;
    const own = await client.query<EditionColumns & { readonly pause: WorkflowSettings["pause"] | null }>(
      `SELECT ${editionColumns}, w.pause ${active} AND w.name = $2 FOR UPDATE OF w`,
      [projectId, name],
    );
    const [found] = own.rows;
    if (found === undefined) return false;
    const others = await client.query<EditionColumns>(
      `SELECT ${editionColumns} ${active} AND w.name <> $2 AND strpos(v.canonical, $3) > 0`,
      [projectId, name, JSON.stringify(name)],
    );
    check({ current: { ...editionOf(found), pause: found.pause ?? undefined }, others: others.rows.map(editionOf) });
    await retireWorkflows(client, projectId, [name]);
    const detail = { retired: true, digest: found.digest };
    await appendAudit(client, projectId, { actor, action: "workflows:deploy", subject: name, detail });
    return true;
  });
}
