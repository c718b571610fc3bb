import { randomBytes } from "node:crypto";
import type pg from "pg";
import { LessThan } from "typeorm";
import { uuidV7, type CanonicalWorkflow, type DeployedWorkflow, type RunState } from "@capstan/proto";
import { appendAudit } from "./audit-append.ts";
import { editionColumns, editionOf, fromVersions, oneDeploy, type EditionColumns } from "./edition-rows.ts";
import { retireOne, retireWorkflows } from "./retire.ts";
import { syncSchedules } from "./schedule-store.ts";
import { tellEndpoints } from "./tell-endpoints.ts";
import { syncTriggers } from "./trigger-sync.ts";
import type {
  DeployOutcome,
  DeployRecord,
  DerivedVersion,
  EditionRow,
  NewDeploy,
  PauseChange,
  VersionRecord,
  WorkflowPause,
  WorkflowRow,
  WorkflowStore,
} from "../../workflow/workflow.store.ts";
import type { ColdReads } from "../cold-reads.ts";
import { DeployEntity } from "../entity/deploy.entity.ts";
import { withProject } from "../pool.ts";

const msOf = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

interface VersionColumns extends EditionColumns {
  readonly active: boolean;
  readonly source: string;
  readonly source_file: string;
  readonly created_ms: number;
  readonly created_by: string;
  readonly derived_from: string | null;
}
interface WorkflowColumns extends EditionColumns {
  readonly created_ms: number;
  readonly deployed_ms: number;
  readonly created_by: string;
  readonly source_file: string;
  readonly pause: WorkflowPause | null;
  readonly last_runs:
    | readonly { id: string; number: number; state: RunState; created: number; ended: number | null }[]
    | null;
}
interface DeployColumns {
  readonly id: string;
  readonly actor: string;
  readonly message: string | null;
  readonly created_ms: number;
  readonly result: { readonly workflows: readonly DeployedWorkflow[]; readonly pruned?: readonly string[] };
}

const versionOf = (row: VersionColumns): VersionRecord => ({
  ...editionOf(row),
  active: row.active,
  source: row.source,
  sourceFile: row.source_file,
  createdMs: row.created_ms,
  createdBy: row.created_by,
  derivedFrom: row.derived_from ?? undefined,
});
const deployOf = (row: DeployColumns): DeployRecord => ({
  id: row.id,
  actor: row.actor,
  message: row.message ?? undefined,
  createdMs: row.created_ms,
  workflows: row.result.workflows,
  pruned: row.result.pruned ?? [],
});

const versionColumns = `${editionColumns}, v.digest = w.active_digest AS active, v.source, v.source_file,
  ${msOf("v.created_at")} AS created_ms, v.created_by, v.derived_from`;

export class PgWorkflowStore implements WorkflowStore {
  private readonly pool: pg.Pool;
  private readonly cold: ColdReads;

  constructor(api: pg.Pool, cold: ColdReads) {
    this.pool = api;
    this.cold = cold;
  }

  async active(projectId: string, name: string): Promise<EditionRow | undefined> {
    const rows = await this.rows<EditionColumns>(
      projectId,
      `SELECT ${editionColumns} ${fromVersions}
        WHERE w.project_id = $1 AND w.name = $2 AND w.retired_at IS NULL AND v.digest = w.active_digest`,
      [projectId, name],
    );
    return rows[0] === undefined ? undefined : editionOf(rows[0]);
  }

  async version(projectId: string, name: string, version: number | string): Promise<VersionRecord | undefined> {
    const rows = await this.rows<VersionColumns>(
      projectId,
      `SELECT ${versionColumns} ${fromVersions}
        WHERE w.project_id = $1 AND w.name = $2 AND ${typeof version === "number" ? "v.number = $3 AND v.derived_from IS NULL" : "v.digest = $3"}`,
      [projectId, name, version],
    );
    return rows[0] === undefined ? undefined : versionOf(rows[0]);
  }

  async edition(projectId: string, workflowId: string, digest: string): Promise<EditionRow | undefined> {
    const rows = await this.rows<EditionColumns>(
      projectId,
      `SELECT ${editionColumns} ${fromVersions} WHERE w.project_id = $1 AND w.id = $2 AND v.digest = $3`,
      [projectId, workflowId, digest],
    );
    return rows[0] === undefined ? undefined : editionOf(rows[0]);
  }

  async list(
    projectId: string,
    page: {
      readonly limit: number;
      readonly after: string | undefined;
      readonly q: string | undefined;
      readonly name: string | undefined;
    },
  ): Promise<readonly WorkflowRow[]> {
    const rows = await this.rows<WorkflowColumns>(
      projectId,
      `SELECT ${editionColumns}, ${msOf("w.created_at")} AS created_ms, ${msOf("v.created_at")} AS deployed_ms,
              v.created_by, v.source_file, w.pause,
              (SELECT json_agg(json_build_object('id', r.id, 'number', r.number, 'state', r.state,
                        'created', extract(epoch FROM r.created_at) * 1000, 'ended', extract(epoch FROM r.ended_at) * 1000)
                        ORDER BY r.number DESC)
                 FROM (SELECT * FROM runs x WHERE x.project_id = w.project_id AND x.workflow_id = w.id
                        ORDER BY x.number DESC LIMIT 14) r) AS last_runs
         ${fromVersions}
        WHERE w.project_id = $1 AND w.retired_at IS NULL AND v.digest = w.active_digest
          AND ($2::text IS NULL OR w.name > $2) AND ($3::text IS NULL OR strpos(w.name, $3) > 0)
          AND ($5::text IS NULL OR w.name = $5)
        ORDER BY w.name LIMIT $4`,
      [projectId, page.after ?? null, page.q ?? null, page.limit, page.name ?? null],
    );
    return rows.map((row) => ({
      ...editionOf(row),
      createdMs: row.created_ms,
      deployedMs: row.deployed_ms,
      deployedBy: row.created_by,
      sourceFile: row.source_file,
      pause: row.pause ?? undefined,
      lastRuns: (row.last_runs ?? []).map((run) => ({
        id: run.id,
        number: run.number,
        state: run.state,
        createdMs: run.created,
        endedMs: run.ended ?? undefined,
      })),
    }));
  }

  async versions(
    projectId: string,
    name: string,
    page: { readonly limit: number; readonly before: number | undefined },
  ): Promise<readonly VersionRecord[]> {
    const rows = await this.rows<VersionColumns>(
      projectId,
      `SELECT ${versionColumns} ${fromVersions}
        WHERE w.project_id = $1 AND w.name = $2 AND v.derived_from IS NULL AND ($3::int IS NULL OR v.number < $3)
        ORDER BY v.number DESC LIMIT $4`,
      [projectId, name, page.before ?? null, page.limit],
    );
    return rows.map(versionOf);
  }

  async addDerived(projectId: string, version: DerivedVersion): Promise<void> {
    const { workflowId, digest, number, canonical, source, sourceFile, bundleSha256, actor, derivedFrom } = version;
    await this.rows(
      projectId,
      `INSERT INTO workflow_versions
         (project_id, workflow_id, digest, number, canonical, source, source_file, bundle_sha256, created_by, derived_from)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (project_id, workflow_id, digest) DO NOTHING`,
      [projectId, workflowId, digest, number, canonical, source, sourceFile, bundleSha256 ?? null, actor, derivedFrom],
    );
  }

  deploy(projectId: string, deploy: NewDeploy): Promise<DeployOutcome> {
    return withProject(this.pool, projectId, async (client): Promise<DeployOutcome> => {
      if (deploy.idempotency !== undefined) {
        const { caller, key, requestSha256 } = deploy.idempotency;
        // Waits for a first request that is still at work, because its row is locked until it commits.
        const claimed = await client.query(
          `INSERT INTO idempotency_keys (project_id, caller, key, request_sha256, status, response, created_at)
           VALUES ($1, $2, $3, $4, 200, $5, clock_timestamp()) ON CONFLICT (project_id, caller, key) DO NOTHING`,
          [projectId, caller, key, requestSha256, JSON.stringify({ deploy: deploy.id })],
        );
        if (claimed.rowCount === 0) return replay(client, projectId, deploy.idempotency);
      }
      await oneDeploy(client, projectId);
      const numbers = new Map<string, number>();
      for (const version of deploy.versions)
        numbers.set(version.name, await addVersion(client, projectId, version, deploy.actor));
      if (deploy.pruned.length > 0) await retireWorkflows(client, projectId, deploy.pruned);
      const time = await client.query<{ ms: number }>(`SELECT ${msOf("clock_timestamp()")} AS ms`);
      const createdMs = time.rows[0]?.ms ?? 0;
      const answer = deploy.answer(numbers, createdMs);
      await client.query(
        `INSERT INTO deploys (project_id, id, actor, message, result, created_at)
         VALUES ($1, $2, $3, $4, $5, to_timestamp($6::float8 / 1000))`,
        [projectId, deploy.id, deploy.actor, deploy.message ?? null, JSON.stringify(answer), createdMs],
      );
      await appendAudit(client, projectId, {
        actor: deploy.actor,
        action: "workflows:deploy",
        subject: deploy.id,
        detail: {
          workflows: deploy.versions.map((version) => ({ name: version.name, digest: version.digest })),
          ...(deploy.pruned.length === 0 ? {} : { pruned: [...deploy.pruned] }),
        },
      });
      for (const { workflow, version, digest, result } of answer.workflows) {
        if (result === "unchanged") continue;
        await tellEndpoints(client, projectId, {
          type: "workflow.deployed",
          subject: `workflows/${workflow}`,
          workflow,
          data: { workflow, version, digest, actor: deploy.actor, message: deploy.message ?? null },
        });
      }
      return { kind: "deployed", createdMs, ...answer };
    });
  }

  retire(...[projectId, workflow, check]: Parameters<WorkflowStore["retire"]>): Promise<boolean> {
    return retireOne(this.pool, projectId, workflow, check);
  }

  async deploys(
    projectId: string,
    page: { readonly limit: number; readonly before: string | undefined },
  ): Promise<readonly DeployRecord[]> {
    const rows = await this.cold.within(projectId, (manager) =>
      manager.find(DeployEntity, {
        where: { projectId, ...(page.before === undefined ? {} : { id: LessThan(page.before) }) },
        order: { id: "DESC" },
        take: page.limit,
      }),
    );
    return rows.map(({ id, actor, message, result, createdAt }) =>
      // The result was written by `deploy`, from this type.
      deployOf({ id, actor, message, created_ms: createdAt.getTime(), result: result as DeployColumns["result"] }),
    );
  }

  setPause(
    projectId: string,
    name: string,
    pause: { readonly actor: string; readonly reason: string } | undefined,
    actor: string,
  ): Promise<PauseChange | undefined> {
    return withProject(this.pool, projectId, async (client) => {
      const found = await client.query<{ id: string; paused: boolean }>(
        `SELECT id, pause IS NOT NULL AS paused FROM workflows
          WHERE project_id = $1 AND name = $2 AND retired_at IS NULL FOR UPDATE`,
        [projectId, name],
      );
      const [row] = found.rows;
      if (row === undefined) return undefined;
      const changed = row.paused === (pause === undefined);
      if (changed) {
        await client.query(
          `UPDATE workflows SET pause = $3::jsonb || jsonb_build_object('atMs', ${msOf("clock_timestamp()")})
            WHERE project_id = $1 AND id = $2`,
          [projectId, row.id, pause === undefined ? null : JSON.stringify(pause)],
        );
        const detail = pause === undefined ? { paused: false } : { paused: true, reason: pause.reason };
        await appendAudit(client, projectId, { actor, action: "schedules:write", subject: name, detail });
      }
      const { rows } = await client.query<{ waiting: number }>(
        `SELECT count(*)::int AS waiting FROM run_groups g JOIN runs r ON r.project_id = g.project_id AND r.id = g.run_id
          WHERE g.project_id = $1 AND r.workflow_id = $2 AND g.state = 'waiting'`,
        [projectId, row.id],
      );
      return { changed, waiting: rows[0]?.waiting ?? 0 };
    });
  }

  async names(projectId: string): Promise<readonly string[]> {
    const rows = await this.rows<{ name: string }>(
      projectId,
      "SELECT name FROM workflows WHERE project_id = $1 AND retired_at IS NULL AND active_digest IS NOT NULL ORDER BY name",
      [projectId],
    );
    return rows.map((row) => row.name);
  }

  async withStarters(projectId: string, names: readonly string[]): Promise<readonly EditionRow[]> {
    const rows = await this.rows<EditionColumns>(
      projectId,
      `SELECT ${editionColumns} ${fromVersions}
        WHERE w.project_id = $1 AND w.retired_at IS NULL AND v.digest = w.active_digest
          AND (w.name = ANY ($2) OR strpos(v.canonical, '"workflow":{') > 0)`,
      [projectId, names],
    );
    return rows.map(editionOf);
  }

  async hasBundles(projectId: string, sha256: readonly string[]): Promise<ReadonlySet<string>> {
    if (sha256.length === 0) return new Set();
    const rows = await this.rows<{ sha256: string }>(
      projectId,
      "SELECT sha256 FROM bundles WHERE project_id = $1 AND sha256 = ANY($2)",
      [projectId, sha256],
    );
    return new Set(rows.map((row) => row.sha256));
  }

  addBundle(projectId: string, sha256: string, sizeBytes: number): Promise<boolean> {
    return withProject(this.pool, projectId, async (client) => {
      const added = await client.query(
        "INSERT INTO bundles (project_id, sha256, size_bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [projectId, sha256, sizeBytes],
      );
      return added.rowCount === 1;
    });
  }

  private rows<T extends pg.QueryResultRow>(projectId: string, text: string, values: readonly unknown[]): Promise<T[]> {
    return withProject(this.pool, projectId, async (client) => (await client.query<T>(text, [...values])).rows);
  }
}

/** Number of the version, made if it is new; it is the active one afterwards. */
async function addVersion(
  client: pg.PoolClient,
  projectId: string,
  version: NewDeploy["versions"][number],
  actor: string,
): Promise<number> {
  await client.query(
    `INSERT INTO workflows (project_id, id, name) VALUES ($1, $2, $3) ON CONFLICT (project_id, name) DO NOTHING`,
    [projectId, uuidV7(Date.now(), randomBytes(10)), version.name],
  );
  const found = await client.query<{ id: string; number: number | null; next: number }>(
    `SELECT w.id, v.number,
            (SELECT coalesce(max(n.number), 0) + 1 FROM workflow_versions n WHERE n.project_id = w.project_id AND n.workflow_id = w.id) AS next
       FROM workflows w
       LEFT JOIN workflow_versions v ON v.project_id = w.project_id AND v.workflow_id = w.id AND v.digest = $3
      WHERE w.project_id = $1 AND w.name = $2`,
    [projectId, version.name, version.digest],
  );
  const row = found.rows[0];
  if (row === undefined) throw new Error("a workflow that was just added is not there");
  if (row.number === null) {
    await client.query(
      `INSERT INTO workflow_versions
         (project_id, workflow_id, digest, number, canonical, source, source_file, bundle_sha256, created_by)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        projectId,
        row.id,
        version.digest,
        row.next,
        version.canonical,
        version.source,
        version.sourceFile,
        version.bundleSha256 ?? null,
        actor,
      ],
    );
  }
  await client.query(
    `UPDATE workflows SET active_digest = $3, retired_at = NULL
      WHERE project_id = $1 AND id = $2 AND (active_digest IS DISTINCT FROM $3 OR retired_at IS NOT NULL)`,
    [projectId, row.id, version.digest],
  );
  // Written by deploy from a checked document.
  const document = JSON.parse(version.canonical) as CanonicalWorkflow;
  const at = { projectId, workflowId: row.id, digest: version.digest };
  await syncSchedules(client, at, document);
  await syncTriggers(client, at, document);
  return row.number ?? row.next;
}

async function replay(
  client: pg.PoolClient,
  projectId: string,
  used: { readonly caller: string; readonly key: string; readonly requestSha256: string },
): Promise<DeployOutcome> {
  const first = await client.query<{ request_sha256: string; response: { deploy?: string } | null }>(
    "SELECT request_sha256, response FROM idempotency_keys WHERE project_id = $1 AND caller = $2 AND key = $3",
    [projectId, used.caller, used.key],
  );
  const row = first.rows[0];
  if (row === undefined || row.request_sha256 !== used.requestSha256) return { kind: "key_reused" };
  const deploys = await client.query<DeployColumns>(
    `SELECT id, actor, message, result, ${msOf("created_at")} AS created_ms FROM deploys WHERE project_id = $1 AND id = $2`,
    [projectId, row.response?.deploy ?? null],
  );
  const deploy = deploys.rows[0];
  return deploy === undefined ? { kind: "key_reused" } : { kind: "replayed", deploy: deployOf(deploy) };
}
