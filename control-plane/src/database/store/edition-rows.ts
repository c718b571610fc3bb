// Rows of editions as they come from PostgreSQL.
import type pg from "pg";
import type { EditionRow } from "../../workflow/workflow.store.ts";
import { oneWriter } from "../pool.ts";

export interface EditionColumns {
  readonly workflow_id: string;
  readonly name: string;
  readonly digest: string;
  readonly number: number;
  readonly canonical: string;
  readonly bundle_sha256: string | null;
}

export const editionColumns = "v.workflow_id, w.name, v.digest, v.number, v.canonical, v.bundle_sha256";
export const fromVersions = `FROM workflows w JOIN workflow_versions v ON v.project_id = w.project_id AND v.workflow_id = w.id`;

export const editionOf = (row: EditionColumns): EditionRow => ({
  workflowId: row.workflow_id,
  name: row.name,
  digest: row.digest,
  number: row.number,
  canonical: row.canonical,
  bundleSha256: row.bundle_sha256 ?? undefined,
});

/** Deploys of a project go one after another, so that numbers and "active" are never decided by two at once. */
export const oneDeploy = (client: pg.PoolClient, projectId: string): Promise<void> =>
  oneWriter(client, `deploy ${projectId}`);
