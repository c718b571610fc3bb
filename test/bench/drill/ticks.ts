// Schedules under load while replicas die: exactly one run for each tick, and how late it was.
import { percentile } from "../statistics.ts";
import { killing, Replicas } from "./replicas.ts";

export interface TickDrill {
  /** Ticks each second. */
  readonly perSecond: number;
  /** Ticks of one minute, besides. */
  readonly atOnce: number;
  readonly secs: number;
  readonly killEverySecs: number;
  readonly replicas: number;
}

interface Lateness {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface TickFigures {
  readonly ticks: number;
  readonly runs: number;
  readonly duplicates: number;
  /** Ticks that became no run, and for which no reason is told. */
  readonly missing: number;
  /** Ticks that became no run, with their reason. */
  readonly told: number;
  readonly kills: number;
  readonly lateMs: {
    /** Of the ticks of each second. */
    readonly steady: Lateness;
    /** Of those that came at one instant. */
    readonly burst: Lateness;
    /** Of the ticks of each second that were not due within 5 s of a kill, or while the burst was worked off. */
    readonly quiet: Lateness;
  };
}

const triggersMax = 50;
const periodSecs = 10;
/** For so long ticks may be late that are due when a replica was killed, or when the burst came. */
const troubleMs = 5_000;
/** It ends at once, without an agent. */
const tasks = 'tasks: { a: { if: "false", run: "true" } }';

const workflows = (prefix: string, schedules: readonly string[]): readonly string[] => {
  const sources: string[] = [];
  for (let at = 0; at < schedules.length; at += triggersMax) {
    const triggers = schedules
      .slice(at, at + triggersMax)
      .map((schedule, i) => `  - { id: t${i}, schedule: ${schedule} }`);
    sources.push(`version: 1\nname: ${prefix}_${at / triggersMax}\ntriggers:\n${triggers.join("\n")}\n${tasks}\n`);
  }
  return sources;
};

export async function tickDrill(drill: TickDrill, say: (text: string) => void): Promise<TickFigures> {
  const replicas = await Replicas.start(drill.replicas);
  try {
    const every = Array.from(
      { length: drill.perSecond * periodSecs },
      (_, i) =>
        `{ every: ${periodSecs}s, from: "2026-01-01T00:00:0${i % periodSecs}Z", catchup: all, catchupMax: 1000 }`,
    );
    await replicas.deploy(workflows("steady", every));
    const at = new Date(Math.ceil((Date.now() + 20_000) / 60_000) * 60_000).toISOString();
    const once = Array.from({ length: drill.atOnce }, () => `{ dates: ["${at}"], catchup: all }`);
    await replicas.deploy(workflows("burst", once));
    say(`${every.length} schedules each ${periodSecs} s, ${once.length} at ${at}`);
    const from = await databaseMs(replicas);
    const stop = killing(replicas, drill.killEverySecs, drill.replicas);
    await new Promise((resolve) => setTimeout(resolve, drill.secs * 1000));
    await stop();
    // Ticks up to here count; the last of them have time to become runs.
    const until = await databaseMs(replicas);
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    return await figuresOf(replicas, { from, until });
  } finally {
    await replicas.stop();
  }
}

const databaseMs = async (replicas: Replicas): Promise<number> => {
  const { rows } = await replicas.database.query<{ ms: number }>(
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms",
  );
  return rows[0]?.ms ?? 0;
};

async function figuresOf(
  replicas: Replicas,
  { from, until }: { readonly from: number; readonly until: number },
): Promise<TickFigures> {
  const { rows } = await replicas.database.query<{ schedule: string; tick: number; runs: number; late: number }>(
    `SELECT r.workflow_name || '.' || (r.trigger ->> 'id') AS schedule, (r.trigger ->> 'scheduledMs')::float8 AS tick,
            count(*)::int AS runs, (extract(epoch FROM min(r.created_at)) * 1000)::float8 - (r.trigger ->> 'scheduledMs')::float8 AS late
       FROM runs r WHERE (r.trigger ->> 'scheduledMs')::float8 BETWEEN $1 AND $2 GROUP BY 1, 2, r.trigger ->> 'scheduledMs'`,
    [from, until],
  );
  const expected = await replicas.database.query<{ schedule: string; spec: string }>(
    "SELECT w.name || '.' || s.trigger_id AS schedule, s.spec FROM schedules s JOIN workflows w ON w.id = s.workflow_id",
  );
  const missed = await replicas.database.query<{ schedule: string; tick: number }>(
    `SELECT w.name || '.' || m.trigger_id AS schedule, (extract(epoch FROM m.tick_at) * 1000)::float8 AS tick
       FROM schedule_misses m JOIN workflows w ON w.id = m.workflow_id`,
  );
  const started = new Map(rows.map((row) => [`${row.schedule} ${row.tick}`, row]));
  const told = new Set(missed.rows.map((row) => `${row.schedule} ${row.tick}`));
  let ticks = 0;
  let missing = 0;
  let without = 0;
  for (const { schedule, spec } of expected.rows) {
    for (const tick of ticksBetween(spec, from, until)) {
      ticks += 1;
      if (started.has(`${schedule} ${tick}`)) continue;
      if (told.has(`${schedule} ${tick}`)) without += 1;
      else missing += 1;
    }
  }
  const latenessOf = (keeps: (row: (typeof rows)[number]) => boolean): Lateness => {
    const late = rows.filter(keeps).map((row) => row.late);
    return {
      p50: Math.round(percentile(late, 0.5)),
      p99: Math.round(percentile(late, 0.99)),
      max: Math.round(percentile(late, 1)),
    };
  };
  const isBurst = ({ schedule }: { readonly schedule: string }): boolean => schedule.startsWith("burst");
  const burstAt = rows.find(isBurst)?.tick ?? 0;
  const troubles = [...replicas.killedAtMs, burstAt];
  const isQuiet = ({ tick }: { readonly tick: number }): boolean =>
    !troubles.some((at) => tick > at - 1_000 && tick < at + troubleMs);
  return {
    ticks,
    runs: rows.reduce((sum, row) => sum + row.runs, 0),
    duplicates: rows.reduce((sum, row) => sum + row.runs - 1, 0),
    missing,
    told: without,
    kills: replicas.kills,
    lateMs: {
      steady: latenessOf((row) => !isBurst(row)),
      burst: latenessOf(isBurst),
      quiet: latenessOf((row) => !isBurst(row) && isQuiet(row)),
    },
  };
}

/** The ticks of the two forms that this drill deploys, by arithmetic of its own. */
function ticksBetween(spec: string, fromMs: number, untilMs: number): readonly number[] {
  const { schedule } = JSON.parse(spec) as { schedule: { everyMs?: number; from?: string; dates?: string[] } }; // as deployed above
  const found = (schedule.dates ?? []).map((date) => Date.parse(date)).filter((ms) => ms >= fromMs && ms <= untilMs);
  const { everyMs } = schedule;
  if (everyMs === undefined) return found;
  const anchor = Date.parse(schedule.from ?? "");
  const ticks: number[] = [];
  for (let ms = anchor + Math.ceil((fromMs - anchor) / everyMs) * everyMs; ms <= untilMs; ms += everyMs) ticks.push(ms);
  return ticks;
}
