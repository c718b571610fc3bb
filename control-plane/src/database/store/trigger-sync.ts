// The triggers of the version that has become active, as rows that what happens is compared with.
import {
  canonicalJson,
  listenersOf,
  type CanonicalWorkflow,
  type JsonObject,
  type ListeningTrigger,
} from "@capstan/proto";
import type pg from "pg";

/**
 * Gives a workflow the triggers of the version that has become active, in the transaction of its deploy. One that was
 * disabled stays so; those that the version does not have go.
 */
export async function syncTriggers(
  client: pg.PoolClient,
  at: { readonly projectId: string; readonly workflowId: string; readonly digest: string },
  document: CanonicalWorkflow,
): Promise<void> {
  const { projectId, workflowId, digest } = at;
  const made = listenersOf(document);
  await client.query(
    "DELETE FROM workflow_triggers WHERE project_id = $1 AND workflow_id = $2 AND trigger_id <> ALL ($3)",
    [projectId, workflowId, made.map(({ id }) => id)],
  );
  if (made.some(({ kind }) => kind === "workflow")) await listenToLog(client);
  for (const trigger of made) {
    const { id, kind, enabled = true, ...rest } = trigger;
    const spec = canonicalJson(rest as unknown as JsonObject); // JSON, as all of a canonical document
    await client.query(
      `INSERT INTO workflow_triggers (project_id, workflow_id, trigger_id, kind, digest, listens_to, enabled, spec)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (project_id, workflow_id, trigger_id) DO UPDATE SET kind = excluded.kind, digest = excluded.digest,
         listens_to = excluded.listens_to, enabled = excluded.enabled, spec = excluded.spec`,
      [projectId, workflowId, id, kind, digest, listensTo(trigger), enabled, spec],
    );
  }
}

const listensTo = ({ event, workflow }: ListeningTrigger): string | null => event?.type ?? workflow?.name ?? null;

/**
 * From here on the event log is read for somebody (relay/relay-loop.ts). The row stays locked until the listener is
 * committed, so that nobody finds that there is none and stops in between.
 */
export const listenToLog = (client: pg.PoolClient): Promise<unknown> =>
  client.query(
    "UPDATE relay_position SET tx = coalesce(tx, pg_snapshot_xmin(pg_current_snapshot())::text::bigint) WHERE id = 1",
  );
