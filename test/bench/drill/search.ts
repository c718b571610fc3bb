// Lists and searches over a database that is full of runs: how long each kind of question takes.
import { percentile } from "../statistics.ts";
import { Replicas } from "./replicas.ts";

export interface SearchFigures {
  readonly runs: number;
  readonly fillSecs: number;
  readonly databaseBytes: number;
  readonly searchBytes: number;
  readonly p95Ms: number;
  readonly kinds: Readonly<Record<string, { readonly p50Ms: number; readonly p95Ms: number; readonly found: number }>>;
}

const workflowCount = 40;
const days = 90;
const chunk = 100_000;

/** Query texts of each kind, by a number that makes them differ. */
const kinds: Readonly<Record<string, (n: number) => string>> = {
  newest: () => "",
  "oldest first": () => "sort=createdAt",
  "state failed": () => "state=failed",
  "states running and queued": () => "state=running&state=queued",
  "one workflow": (n) => `workflow=flow_${n % workflowCount}`,
  "one workflow, failed": (n) => `workflow=flow_${n % workflowCount}&state=failed`,
  "one workflow, timed out": (n) => `workflow=flow_${n % workflowCount}&state=timed_out`,
  "part of a workflow's name": (n) => `q=ow_${n % workflowCount}`,
  "a run's name": (n) => `q=flow_${n % workflowCount}-${1 + ((n * 7919) % 50)}`,
  label: (n) => `label=team:team${n % 20}`,
  "input of 1 in 50,000": (n) => `input=customer:${(n * 7919) % 50_000}`,
  "input of 1 in 90": (n) => `input=day:d${n % days}`,
  "input that nobody has": (n) => `input=customer:x${n}`,
  "input and workflow": (n) => `input=customer:${(n * 7919) % 50_000}&workflow=flow_${n % workflowCount}`,
  "rare words of an error": (n) => `error=${encodeURIComponent(`refused host_${(n * 31) % 5000}`)}`,
  "common word of an error": () => "error=connection",
  "error and label": (n) => `error=refused&label=team:team${n % 20}`,
  "trigger manual": () => "trigger=manual",
  "trigger backfill, 1 in 10,000": () => "trigger=backfill",
  "longer than an hour": () => "durationMsMin=3600000",
  "longer than a day, 1 in 10,000": () => "durationMsMin=86400000",
  agent: (n) => `agent=agent_${n % 50}`,
  "an hour long ago": (n) => `${window(n, 3_600_000)}`,
  "a day long ago, failed": (n) => `${window(n, 86_400_000)}&state=failed`,
  "a day long ago, by input": (n) => `${window(n, 86_400_000)}&input=customer:${(n * 7919) % 50_000}`,
};

function window(n: number, ms: number): string {
  const from = Date.now() - (((n * 7919) % (days - 2)) + 1) * 86_400_000;
  return `createdAfter=${new Date(from).toISOString()}&createdBefore=${new Date(from + ms).toISOString()}`;
}

/** @param pages of each question that are read by its cursors */
export async function searchDrill(
  { runs, repetitions, pages }: { readonly runs: number; readonly repetitions: number; readonly pages: number },
  say: (text: string) => void,
): Promise<SearchFigures> {
  const replicas = await Replicas.start(1);
  try {
    const from = performance.now();
    await fill(replicas, runs, say);
    const fillSecs = Math.round((performance.now() - from) / 1000);
    const all: number[] = [];
    const figures: Record<string, SearchFigures["kinds"][string]> = {};
    for (const [name, query] of Object.entries(kinds)) {
      const took: number[] = [];
      let found = 0;
      await ask(replicas, query(0)); // not counted: plans are made and pages are read
      for (let n = 1; n <= repetitions; n++) {
        const text = query(n); // once: its pages are of one question
        let cursor: string | null = "";
        for (let page = 0; page < pages && cursor !== null; page++) {
          const at = performance.now();
          const answer = await ask(replicas, `${text}${cursor === "" ? "" : `&cursor=${cursor}`}`);
          took.push(performance.now() - at);
          found += answer.data.length;
          cursor = answer.nextCursor;
        }
      }
      all.push(...took);
      figures[name] = { p50Ms: ms(percentile(took, 0.5)), p95Ms: ms(percentile(took, 0.95)), found };
      say(`${name}: p50 ${figures[name].p50Ms} ms, p95 ${figures[name].p95Ms} ms, ${found} found`);
    }
    const { rows } = await replicas.database.query<{ database: number; search: number }>(
      "SELECT pg_database_size(current_database())::float8 AS database, pg_total_relation_size('run_search')::float8 AS search",
    );
    return {
      runs,
      fillSecs,
      databaseBytes: rows[0]?.database ?? 0,
      searchBytes: rows[0]?.search ?? 0,
      p95Ms: ms(percentile(all, 0.95)),
      kinds: figures,
    };
  } finally {
    await replicas.stop();
  }
}

const ms = (value: number): number => Number(value.toFixed(1));

async function ask(
  replicas: Replicas,
  query: string,
): Promise<{ readonly data: readonly unknown[]; readonly nextCursor: string | null }> {
  const { status, body } = await replicas.call("GET", `/projects/default/runs?limit=50&${query}`);
  if (status !== 200) throw new Error(`${query}: ${status} ${JSON.stringify(body)}`);
  return body as { data: readonly unknown[]; nextCursor: string | null }; // the route's own answer
}

/** Runs of 90 days that look like those of a house: 94 % succeed, most are scheduled, some run for hours. */
async function fill(replicas: Replicas, runs: number, say: (text: string) => void): Promise<void> {
  const { database } = replicas;
  await replicas.deploy(
    Array.from({ length: workflowCount }, (_, i) => `version: 1\nname: flow_${i}\ntasks: { a: { run: "true" } }\n`),
  );
  await database.query("SET synchronous_commit = off");
  const project = "(SELECT id FROM projects WHERE name = 'default')";
  await database.query(
    `INSERT INTO agents (project_id, id, pool_id, name, state, key_thumbprint, identity_key)
     SELECT p.project_id, md5('agent ' || n)::uuid, p.id, 'agent_' || n, 'active', 'drill ' || n, '{}'
       FROM pools p, generate_series(0, 49) n WHERE p.name = 'default' AND p.project_id = ${project}`,
  );
  for (let at = 0; at < runs; at += chunk) {
    await database.query(
      `INSERT INTO runs (project_id, id, workflow_id, workflow_name, number, digest, state, version, event_seq, priority, inputs,
         labels, trigger, created_at, started_at, ended_at, failure, outputs)
       SELECT f.project_id,
         (lpad(to_hex(floor(extract(epoch FROM f.at) * 1000)::bigint), 12, '0') || '7' || substr(f.hash, 1, 3) || '8'
           || substr(f.hash, 4, 15))::uuid,
         f.workflow_id, f.name, f.n / ${workflowCount} + 1, f.digest, f.state, 5, 5, 3,
         jsonb_build_object('customer', (f.n * 7919 % 50000)::text, 'day', 'd' || f.n * ${days}::bigint / $2, 'size', f.n % 1000),
         jsonb_build_object('team', 'team' || f.n % 20, 'env', CASE WHEN f.n % 10 = 0 THEN 'dev' ELSE 'prod' END),
         jsonb_build_object('actor', 'user:ana', 'kind', CASE WHEN f.n % 10000 = 7 THEN 'backfill' WHEN f.n % 10 < 7 THEN 'schedule'
           WHEN f.n % 10 < 9 THEN 'api' ELSE 'manual' END),
         f.at, f.at, CASE WHEN f.state <> 'running' THEN f.at + f.took END,
         CASE WHEN f.state IN ('failed', 'timed_out') THEN jsonb_build_object('class', 'task', 'code', 'exit_' || f.n % 30, 'task', 'a',
           'message', CASE WHEN f.n % 2 = 0 THEN 'connection refused by host_' || f.n % 5000 || ' port 5432'
             ELSE 'file part_' || f.n % 3000 || ' has a bad checksum' END) END,
         '{}'
       FROM (
         SELECT w.project_id, w.id AS workflow_id, w.name, w.active_digest AS digest, n, md5(n::text) AS hash,
           clock_timestamp() - interval '${days} days' * (1 - (n + 1)::float8 / $2) AS at,
           CASE WHEN n > $2 - 200 THEN 'running' WHEN n % 100 < 4 THEN 'failed' WHEN n % 100 = 4 THEN 'cancelled'
             WHEN n % 100 = 5 THEN 'timed_out' ELSE 'succeeded' END AS state,
           CASE WHEN n % 10000 = 11 THEN interval '30 hours' ELSE interval '1 second' * exp(random() * 9) END AS took
         FROM generate_series($1::bigint, least($1 + ${chunk}, $2) - 1) n
         JOIN workflows w ON w.name = 'flow_' || n % ${workflowCount} AND w.project_id = ${project}) f`,
      [at, runs],
    );
    say(`${Math.min(at + chunk, runs)} runs`);
  }
  await database.query(
    `INSERT INTO attempts (project_id, id, run_id, position, number, epoch, agent_id, session, state, offered_at, ended_at)
     SELECT r.project_id, gen_random_uuid(), r.id, 0, 1, 1, md5('agent ' || r.number % 50)::uuid, 1, 'succeeded', r.created_at, r.ended_at
       FROM (SELECT * FROM runs WHERE project_id = ${project} ORDER BY id DESC LIMIT 200000) r`,
  );
  // What the loop would write in time, by the statement's own function.
  await database.query("UPDATE search_position SET tx = pg_snapshot_xmax(pg_current_snapshot())::text, event_id = 0");
  const { rows } = await database.query<{ text: string }>(
    "SELECT indexdef AS text FROM pg_indexes WHERE indexname = 'run_search_terms'",
  );
  await database.query("DROP INDEX run_search_terms");
  let after = "00000000-0000-0000-0000-000000000000";
  for (let done = 0; done < runs; done += chunk) {
    const part = await database.query<{ last: string | null }>(
      `WITH part AS MATERIALIZED (SELECT project_id, id FROM runs WHERE project_id = ${project} AND id > $1 ORDER BY id LIMIT ${chunk})
       SELECT max(id::text) AS last, search_index(array_agg(project_id), array_agg(id)) FROM part`,
      [after],
    );
    after = part.rows[0]?.last ?? after;
    say(`${Math.min(done + chunk, runs)} runs findable`);
  }
  await database.query("SET maintenance_work_mem = '1GB'");
  await database.query(rows[0]?.text ?? "");
  await database.query("VACUUM ANALYZE");
}
