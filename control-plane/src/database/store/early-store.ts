import type pg from "pg";
import type { EarlyStore } from "../../trigger/early-run.ts";
import { statement } from "../sql.ts";

export class PgEarlyStore implements EarlyStore {
  private readonly pool: pg.Pool;

  constructor(engine: pg.Pool) {
    this.pool = engine;
  }

  async variables(projectId: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const { rows } = await this.pool.query<{ name: string; value: string }>(statement("variables", [projectId, names]));
    return new Map(rows.map((row) => [row.name, row.value]));
  }

  async reserveNumbers(projectId: string, workflowId: string, count: number): Promise<number> {
    const { rows } = await this.pool.query<{ first: number }>(
      statement("reserve-numbers", [projectId, workflowId, count]),
    );
    const [row] = rows;
    if (row === undefined) throw new Error("a workflow that has editions has a row");
    return row.first;
  }
}
