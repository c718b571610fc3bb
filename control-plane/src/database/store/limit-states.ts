// States of limits, for the claim that holds their locks and for the dispatcher that only wants to know.
import type pg from "pg";
import { limitRefKey, type LimitRef, type LimitStates } from "../../engine/limit.ts";
import { statement } from "../sql.ts";

interface StateRow {
  readonly project_id: string;
  readonly key: string;
  readonly capacity: number | null;
  readonly per_ms: string | null;
  readonly used: number;
}

export async function readLimitStates(
  on: Pick<pg.PoolClient, "query">,
  refs: readonly LimitRef[],
): Promise<LimitStates> {
  const { rows } = await on.query<StateRow>(
    statement("limit-states", [refs.map((ref) => ref.projectId), refs.map((ref) => ref.key)]),
  );
  return new Map(
    rows.map((row) => [
      limitRefKey({ projectId: row.project_id, key: row.key }),
      {
        capacity: row.capacity ?? undefined,
        perMs: row.per_ms === null ? undefined : Number(row.per_ms),
        used: row.used,
      },
    ]),
  );
}
