// Lists of runs, filtered and searched, with a bound on what each looks at.
//  L1. Ids are made in the order of time, so the key of a list is the primary key, and a cursor is an id: rows that come
//      in the meantime change no page.
//  L2. First the runs next to the cursor are looked at, so many and no more: of what is common, a page is full soon.
//  L3. What is rare is found by its terms, in runs that have ended (run_search); of those that go on there are few, and
//      their states have an index. A run that has just ended and lies farther from the cursor may be missing for seconds.
//  L4. Whatever was found is asked for again by the request's role with the exact conditions.
import { isRunEnded, runStates } from "@capstan/proto";
import type pg from "pg";
import type { RunFilter, RunRecord } from "../../run/run.store.ts";
import { withProject } from "../pool.ts";
import { iso } from "./agent-rows.ts";
import { searchSql, searchValues } from "./run-filter.ts";
import { isSearched, type PgSearchStore } from "./search.store.ts";

export const runColumns = `r.id, r.workflow_id AS "workflowId", r.workflow_name AS workflow, r.number::float8 AS number, r.digest,
  r.state, r.priority::int AS priority, r.labels, r.trigger, ${iso("r.created_at")} AS created,
  ${iso("r.started_at")} AS started, ${iso("r.ended_at")} AS ended, ${iso("r.deadline_at")} AS deadline, r.cancel,
  r.pause, r.late, r.origin, r.failure`;

/** Runs next to the cursor that are looked at one by one. */
const nearMax = 20_000;
/** Runs that go on and lie farther. */
const activeMax = 5_000;
const countMax = 10_000;
const namesMax = 1_000;
const minuteMs = 60_000;
/** An id is made before its run, by the clock of a process: a little early by that, days early where a tick had to wait. */
const idEarlyMs = 10 * minuteMs;
const idWaitedMs = 8 * 24 * 60 * minuteMs;

interface Page {
  readonly limit: number;
  readonly after: string | undefined;
}
type Row = RunRecord & pg.QueryResultRow;

export class RunLists {
  private readonly pool: pg.Pool;
  private readonly search: PgSearchStore;

  constructor(api: pg.Pool, search: PgSearchStore) {
    this.pool = api;
    this.search = search;
  }

  async list(projectId: string, asked: RunFilter, page: Page): Promise<readonly RunRecord[]> {
    const filter = await this.named(projectId, asked);
    if (filter === undefined) return [];
    if (filter.number !== undefined || !isSearched(filter)) return this.within(projectId, filter, page, undefined);
    const near = await this.within(projectId, filter, page, nearMax);
    const rest = page.limit - near.length;
    if (rest <= 0) return near;
    const beyond = await this.endOfNear(projectId, filter, page);
    if (beyond === undefined) return near;
    const range = { beyond, newestFirst: filter.newestFirst, limit: rest };
    const [ended, active] = await Promise.all([
      this.search.ended(projectId, filter, range),
      this.active(projectId, filter, range),
    ]);
    const ids = [...ended, ...active];
    return ids.length === 0 ? near : [...near, ...(await this.these(projectId, filter, ids, rest))];
  }

  /** At most 10,000. */
  async count(projectId: string, asked: RunFilter): Promise<number> {
    const filter = await this.named(projectId, asked);
    if (filter === undefined) return 0;
    const few = "SELECT count(*)::int AS count FROM (SELECT 1 FROM runs r WHERE";
    if (filter.number !== undefined || !isSearched(filter)) {
      const text = `${few} ${searchSql} LIMIT ${countMax}) AS few`;
      const rows = await this.rows<{ count: number }>(projectId, text, searchValues(projectId, filter));
      return rows[0]?.count ?? 0;
    }
    const ended = await this.search.count(projectId, filter, countMax);
    const text = `${few} ${searchSql} AND r.state = ANY ($17) LIMIT ${countMax}) AS few`;
    const rows = await this.rows<{ count: number }>(projectId, text, [
      ...searchValues(projectId, filter),
      activeStates(filter),
    ]);
    return Math.min(countMax, ended + (rows[0]?.count ?? 0));
  }

  /** With names of workflows in place of a part of them; undefined where nothing can fit. */
  private async named(projectId: string, filter: RunFilter): Promise<RunFilter | undefined> {
    if (filter.agentIds?.length === 0) return undefined;
    const { text, workflows } = filter;
    if (text === undefined) return filter;
    const rows = await this.rows<{ name: string }>(
      projectId,
      `SELECT name FROM workflows WHERE project_id = $1 AND strpos(name, $2) > 0
          AND ($3::text[] IS NULL OR name = ANY ($3)) ORDER BY name LIMIT ${namesMax}`,
      [projectId, text, workflows ?? null],
    );
    return rows.length === 0 ? undefined : { ...filter, text: undefined, workflows: rows.map(({ name }) => name) };
  }

  /** Those of the runs next to the cursor that fit; of `max` runs, or of all. */
  private within(
    projectId: string,
    filter: RunFilter,
    page: Page,
    max: number | undefined,
  ): Promise<readonly RunRecord[]> {
    const { direction, condition, bounds } = nextTo(filter, page, 17);
    const few = max === undefined ? "" : ` ORDER BY x.id ${direction} LIMIT ${max}`;
    return this.rows<Row>(
      projectId,
      `SELECT ${runColumns} FROM (SELECT * FROM runs x WHERE ${condition}${few}) r
        WHERE ${searchSql} ORDER BY r.id ${direction} LIMIT $20`,
      [...searchValues(projectId, filter), ...bounds, page.limit],
    );
  }

  /** The last run that was looked at; undefined where there were no more than that. */
  private async endOfNear(projectId: string, filter: RunFilter, page: Page): Promise<string | undefined> {
    const { direction, condition, bounds } = nextTo(filter, page, 2);
    const rows = await this.rows<{ id: string }>(
      projectId,
      `SELECT x.id FROM runs x WHERE ${condition} ORDER BY x.id ${direction} OFFSET ${nearMax - 1} LIMIT 1`,
      [projectId, ...bounds],
    );
    return rows[0]?.id;
  }

  private async active(
    projectId: string,
    filter: RunFilter,
    { beyond, newestFirst }: { readonly beyond: string; readonly newestFirst: boolean },
  ): Promise<readonly string[]> {
    const states = activeStates(filter);
    if (states.length === 0) return [];
    const [compare, direction] = newestFirst ? ["<", "DESC"] : [">", "ASC"];
    const rows = await this.rows<{ id: string }>(
      projectId,
      `WITH going AS MATERIALIZED (SELECT id FROM runs WHERE project_id = $1 AND state = ANY ($2))
       SELECT id FROM going WHERE id ${compare} $3::uuid ORDER BY id ${direction} LIMIT ${activeMax}`,
      [projectId, states, beyond],
    );
    return rows.map(({ id }) => id);
  }

  private these(
    projectId: string,
    filter: RunFilter,
    ids: readonly string[],
    limit: number,
  ): Promise<readonly RunRecord[]> {
    return this.rows<Row>(
      projectId,
      `SELECT ${runColumns} FROM runs r WHERE ${searchSql} AND r.id = ANY ($17::uuid[])
        ORDER BY r.id ${filter.newestFirst ? "DESC" : "ASC"} LIMIT $18`,
      [...searchValues(projectId, filter), ids, limit],
    );
  }

  private rows<T extends pg.QueryResultRow>(projectId: string, text: string, values: unknown[]): Promise<T[]> {
    return withProject(this.pool, projectId, async (client) => (await client.query<T>(text, values)).rows);
  }
}

/** Runs behind the cursor and within what their ids say of their time. Three values from `$first` on. */
function nextTo(
  { newestFirst, createdAfter, createdBefore }: RunFilter,
  { after }: Page,
  first: number,
): { readonly direction: string; readonly condition: string; readonly bounds: readonly (string | null)[] } {
  const compare = newestFirst ? "<" : ">";
  return {
    direction: newestFirst ? "DESC" : "ASC",
    condition: `x.project_id = $1 AND ($${first}::uuid IS NULL OR x.id ${compare} $${first})
      AND ($${first + 1}::uuid IS NULL OR x.id >= $${first + 1}) AND ($${first + 2}::uuid IS NULL OR x.id < $${first + 2})`,
    bounds: [
      after ?? null,
      createdAfter === undefined ? null : firstId(Date.parse(createdAfter) - idWaitedMs),
      createdBefore === undefined ? null : firstId(Date.parse(createdBefore) + idEarlyMs),
    ],
  };
}

/** The smallest id of a time. */
function firstId(ms: number): string {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}

const activeStates = ({ states = runStates }: RunFilter): readonly string[] =>
  states.filter((state) => !isRunEnded(state));
