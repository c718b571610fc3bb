// The tables that commits and claims write, as both databases have them: one text per row, so that they can be compared.
import type pg from "pg";
import type { SimDatabase } from "./sim-database.ts";

/** Whatever the database's own clock wrote is left out; the rest is exact to the millisecond. */
const queries: Readonly<Record<string, string>> = {
  live: `SELECT attempt_id, run_id, position, number, epoch, agent_id, session, seq, lease_ms, state,
      started_at IS NOT NULL AS started, backstop_at IS NOT NULL AS backstop FROM live_attempts`,
  attempts: `SELECT id, run_id, position, number, epoch, agent_id, session, state, failure ->> 'code' AS code FROM attempts`,
  queue: `SELECT run_id, position, lane_id, priority, pass::float8 AS pass, lease_ms, taken_until IS NOT NULL AS taken,
      coalesce(array_length(avoid_agents, 1), 0) AS avoided FROM task_queue`,
  timers: `SELECT run_id, position, kind, awaits, body IS NOT NULL AS told FROM timers`,
  holds: `SELECT attempt_id, limit_key, run_id, position, weight, until_at IS NOT NULL AS ends FROM limit_holds`,
  groups: `SELECT run_id, group_key, state, capacity FROM run_groups`,
  keys: `SELECT caller, key, request_sha256, run_id FROM idempotency_keys`,
  dedupes: `SELECT workflow_id, key, run_id FROM run_dedupe_keys`,
  lanes: `SELECT id, pool_id FROM lanes`,
  flights: `SELECT key, run_id, position FROM cache_flights`,
  results: `SELECT key, run_id, run_name, outputs::text AS outputs FROM cached_results`,
  numbers: `SELECT id, last_run_number AS number FROM workflows WHERE last_run_number > 0`,
};

type Rows = Readonly<Record<string, readonly string[]>>;
const textOf = (values: readonly unknown[]): string => values.map((value) => String(value ?? "-")).join(" ");

export async function realTables(pool: pg.Pool): Promise<Rows> {
  const found: Record<string, readonly string[]> = {};
  for (const [name, query] of Object.entries(queries)) {
    const { rows } = await pool.query<unknown[]>({ text: query, rowMode: "array" });
    found[name] = rows.map(textOf).sort();
  }
  return found;
}

export function simulatedTables(database: SimDatabase): Rows {
  const all: Readonly<Record<string, readonly (readonly unknown[])[]>> = {
    live: [...database.live.values()].map((one) => [
      ...[one.id, one.runId, one.position, one.number, one.epoch, one.agentId, one.session, one.seq, one.leaseMs],
      ...[one.state, one.startedMs !== undefined, one.backstopMs !== undefined],
    ]),
    attempts: [...database.attempts.values()].map((one) => [
      ...[one.id, one.runId, one.position, one.number, one.epoch, one.agentId, one.session, one.state],
      one.failure?.code,
    ]),
    queue: [...database.queue.values()].map((one) => [
      ...[one.runId, one.position, one.laneId, one.priority, one.pass, one.leaseMs, one.takenUntilMs !== undefined],
      one.avoid.length,
    ]),
    timers: [...database.timers.values()].map((one) => [
      ...[one.runId, one.position, one.kind, one.awaits, one.body !== undefined],
    ]),
    holds: [...database.holds.values()].map((one) => [
      ...[one.attemptId, one.key, one.runId, one.position, one.weight, one.untilMs !== undefined],
    ]),
    groups: [...database.groups.values()].map((one) => [one.runId, one.key, one.state, one.capacity]),
    keys: [...database.keys].map(([place, one]) => [
      ...[place.split(" ")[1], place.split(" ").slice(2).join(" "), one.requestSha256, one.runId],
    ]),
    dedupes: [...database.dedupes.rows].map(([place, runId]) => [...place.split(" ").slice(1), runId]),
    lanes: [...database.lanes.values()].map((one) => [one.laneId, one.poolId]),
    flights: [...database.cache.flights].map(([place, one]) => [place.split(" ")[1], one.runId, one.position]),
    results: [...database.cache.results].map(([place, one]) => [
      // As jsonb shows it; simulated outputs have one number.
      ...[place.split(" ")[1], one.runId, one.runName, JSON.stringify(one.outputs).replace(":", ": ")],
    ]),
    numbers: [...database.workflows].map(([id, number]) => [id, number]),
  };
  return Object.fromEntries(Object.entries(all).map(([name, rows]) => [name, rows.map(textOf).sort()]));
}
