// What runs are found by. Terms are looked up by the engine's role: row-level security would keep them from the index; each
// begins with its project, and the runs themselves are read by the request's role.
import type pg from "pg";
import type { RunFilter } from "../../run/run.store.ts";
import type { SearchStore } from "../../search/search-loop.ts";
import { statement } from "../sql.ts";

/** A term by its kind and value; several are alternatives. */
interface Wanted {
  readonly kind: string;
  readonly values: readonly string[];
}

export interface SearchRange {
  /** Ids before it, or behind it. */
  readonly beyond: string;
  readonly newestFirst: boolean;
  readonly limit: number;
}

/** The greatest power of two that a duration may have, ms. */
const durationPowerMax = 45;
const power = (ms: number): number => Math.floor(Math.log2(Math.max(0, ms) + 1));
const groupsMax = 8;

export class PgSearchStore implements SearchStore {
  private readonly pool: pg.Pool;

  constructor(engine: pg.Pool) {
    this.pool = engine;
  }

  async follow(limit: number): Promise<number> {
    const { rows } = await this.pool.query<{ seen: number }>(statement("index-runs", [limit]));
    return rows[0]?.seen ?? 0;
  }

  /** Ids of ended runs in their order; a few may not fit after all, so the runs are to be asked again. */
  async ended(projectId: string, filter: RunFilter, range: SearchRange): Promise<readonly string[]> {
    const { condition, values } = await this.hits(projectId, filter);
    const [compare, direction] = range.newestFirst ? ["<", "DESC"] : [">", "ASC"];
    const at = values.length;
    const { rows } = await this.pool.query<{ id: string }>(
      `WITH hit AS MATERIALIZED (SELECT s.run_id FROM run_search s WHERE ${condition})
       SELECT run_id AS id FROM hit WHERE run_id ${compare} $${at + 1}::uuid ORDER BY run_id ${direction} LIMIT $${at + 2}`,
      [...values, range.beyond, range.limit],
    );
    return rows.map(({ id }) => id);
  }

  /** At most `max`. */
  async count(projectId: string, filter: RunFilter, max: number): Promise<number> {
    const { condition, values } = await this.hits(projectId, filter);
    const { rows } = await this.pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM (SELECT 1 FROM run_search s WHERE ${condition} LIMIT $${values.length + 1}) AS few`,
      [...values, max],
    );
    return rows[0]?.count ?? 0;
  }

  /** The condition on `run_search s`, with its terms as constants: only so can their frequency be known to the planner. */
  private async hits(
    projectId: string,
    filter: RunFilter,
  ): Promise<{ readonly condition: string; readonly values: unknown[] }> {
    const wanted = wantedBy(filter);
    const single = wanted.filter(({ values }) => values.length === 1);
    const several = wanted.filter(({ values }) => values.length > 1).slice(0, groupsMax);
    const { rows } = await this.pool.query<{ all: string[]; groups: string[][] }>(
      `SELECT array(SELECT search_term($1::uuid, k, v) FROM unnest($2::text[], $3::text[]) AS t(k, v)
                    UNION SELECT search_term($1::uuid, 'word', w) FROM unnest(search_words($4::text)) AS w)::text[] AS all,
              (SELECT json_agg(array(SELECT search_term($1::uuid, g ->> 'kind', v)::text
                                       FROM json_array_elements_text(g -> 'values') AS v))
                 FROM json_array_elements($5::json) AS g) AS groups`,
      [
        projectId,
        single.map(({ kind }) => kind),
        single.map(({ values }) => values[0]),
        filter.error ?? "",
        JSON.stringify(several),
      ],
    );
    const { all = [], groups } = rows[0] ?? {};
    const terms = [...(all.length === 0 ? [] : [all])];
    const values: unknown[] = [
      projectId,
      filter.createdAfter ?? null,
      filter.createdBefore ?? null,
      filter.durationMsMin ?? null,
      filter.durationMsMax ?? null,
      ...terms,
      ...(groups ?? []),
    ];
    const conditions = [
      "s.project_id = $1",
      "($2::timestamptz IS NULL OR s.created_at >= $2) AND ($3::timestamptz IS NULL OR s.created_at < $3)",
      "($4::bigint IS NULL OR s.duration_ms >= $4) AND ($5::bigint IS NULL OR s.duration_ms <= $5)",
      ...terms.map((_, index) => `s.terms @> $${6 + index}::bigint[]`),
      ...(groups ?? []).map((_, index) => `s.terms && $${6 + terms.length + index}::bigint[]`),
    ];
    return { condition: conditions.join(" AND "), values };
  }
}

/** Whether the filter leaves runs out that only run_search finds fast. */
export const isSearched = (filter: RunFilter): boolean =>
  wantedBy(filter).length > 0 ||
  filter.error !== undefined ||
  filter.createdAfter !== undefined ||
  filter.createdBefore !== undefined;

function wantedBy(filter: RunFilter): readonly Wanted[] {
  const wanted: Wanted[] = [];
  const add = (kind: string, values: readonly string[] | undefined): void => {
    if (values !== undefined) wanted.push({ kind, values });
  };
  add("state", filter.states);
  add("workflow", filter.workflows);
  add("trigger", filter.triggers);
  add("agent", filter.agentIds);
  add("backfill", filter.backfillId === undefined ? undefined : [filter.backfillId]);
  add(
    "label",
    filter.labels?.flatMap((label) => Object.entries(label).map(([key, value]) => `${key}:${value}`)),
  );
  add(
    "input",
    filter.inputs?.map(({ key, value }) => `${key}:${[...value].slice(0, 200).join("")}`),
  );
  const { durationMsMin, durationMsMax } = filter;
  if (durationMsMin !== undefined || durationMsMax !== undefined) {
    // One more on each side: logarithms are rounded, here and there.
    const from = Math.max(0, power(durationMsMin ?? 0) - 1);
    const to = Math.min(durationPowerMax, power(durationMsMax ?? 2 ** durationPowerMax) + 1);
    add(
      "duration",
      Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => String(from + index)),
    );
  }
  return wanted;
}
