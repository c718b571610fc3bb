// `npm run bench -- hot-path [--json] [--reps 5] [--secs 3] [--profile DIR]`: starts everything on this machine, measures, prints a table,
// and keeps one JSON document in test/bench/results. With --json the document alone goes to stdout.
// Exit 0 good, 1 a floor was missed or the ledger is wrong, 2 wrong usage.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { drills, runDrill } from "./drill/drills.ts";
import { measure, type Repetition } from "./measure.ts";
import { chain } from "./scenario/chain.ts";
import { deploy } from "./scenario/deploy.ts";
import { foreach } from "./scenario/foreach.ts";
import { logs } from "./scenario/logs.ts";
import { noop } from "./scenario/noop.ts";
import { processTasks } from "./scenario/process.ts";
import type { Row, Scenario } from "./scenario/scenario.ts";
import { trigger } from "./scenario/trigger.ts";
import { warm } from "./scenario/warm.ts";
import { median, spread, type Spread } from "./statistics.ts";
import { postgresSettings, startStack } from "./stack.ts";

const scenarios: readonly Scenario[] = [noop, chain, warm, foreach, deploy, trigger, processTasks, logs];

interface Result extends Spread {
  readonly scenario: string;
  readonly row: string;
  readonly unit: string;
  readonly floor: number | null;
  readonly goal: number | null;
  readonly met: "goal" | "floor" | "missed" | "none";
  readonly cpuUsPerTask: Repetition["cpuUsPerTask"];
  readonly foreignPct: number;
  readonly fsyncP99Ms: number;
  readonly valid: boolean;
  readonly repetitions: readonly Repetition[];
}

function usage(problem: string): never {
  console.error(
    `${problem}\nusage: npm run bench -- hot-path|${scenarios.map((one) => one.name).join("|")} [--json] [--reps N] [--secs N] [--profile DIR]\n       npm run bench -- ${Object.keys(drills).join("|")} [--FLAG N]; the flags are in test/bench/drill/drills.ts`,
  );
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        reps: { type: "string", default: "5" },
        secs: { type: "string", default: "3" },
        profile: { type: "string" },
      },
    });
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
}

const [drillName = "", ...drillArgs] = process.argv.slice(2);
if (Object.hasOwn(drills, drillName)) {
  const done = await runDrill(drillName, drillArgs, (text) => console.error(text));
  console.log(JSON.stringify({ ...done, commit: commitOf(), at: new Date().toISOString() }, null, 2));
  process.exit(0);
}

const { values, positionals } = readArguments();
const [wanted = "hot-path"] = positionals;
const chosen = wanted === "hot-path" ? scenarios : scenarios.filter((one) => one.name === wanted);
if (chosen.length === 0) usage(`there is no scenario ${wanted}`);
const reps = Number(values.reps);
const secs = Number(values.secs);
if (!Number.isInteger(reps) || reps < 1 || !(secs > 0))
  usage("--reps is a whole number from 1, --secs a number above 0");
const say = (text: string): void => console.error(text);

const results: Result[] = [];
for (const scenario of chosen) results.push(...(await runScenario(scenario)));
const missed = results.filter(
  (one) => one.met === "missed" || one.repetitions.some((rep) => rep.ledger.ended !== rep.ledger.started),
);
const document = {
  schema: "capstan.bench/1",
  at: new Date().toISOString(),
  commit: commitOf(),
  machine: {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? "",
    memoryBytes: totalmem(),
    node: process.version,
  },
  settings: {
    reps,
    secs,
    synchronousCommit: "on",
    postgres: { version: "embedded 18", fsync: "on", ...postgresSettings },
    agents: 1,
    replicas: 1,
    limits: "API rate limits are not in force on loopback",
  },
  results,
};
const folder = fileURLToPath(new URL("results/", import.meta.url));
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}${wanted}-${document.commit}.json`, `${JSON.stringify(document, null, 2)}\n`);
console.log(values.json ? JSON.stringify(document, null, 2) : table(results));
if (reps < 5) say("Fewer than five repetitions: not a result.");
process.exit(missed.length === 0 ? 0 : 1);

async function runScenario(scenario: Scenario): Promise<Result[]> {
  say(`${scenario.name}: starting PostgreSQL, control plane and agent`);
  const stack = await startStack(scenario.agents, values.profile);
  try {
    const documents = Object.entries(scenario.workflows).map(([file, source]) => ({ file, source }));
    if (documents.length > 0) await stack.client.deploy(documents);
    const done: Result[] = [];
    // Rows of one scenario that share their work (figures of one load) share its repetitions.
    for (const [, rows] of Map.groupBy(scenario.rows, ({ work }) => work)) {
      const [first] = rows;
      if (first === undefined) continue;
      if (first.warmUp === undefined) await first.work(stack, { secs: Math.min(secs, 1) });
      else await first.warmUp(stack);
      const repetitions: Repetition[] = [];
      for (let i = 0; i < reps; i++) {
        repetitions.push(await measure(stack, () => first.work(stack, { secs })));
        say(
          `  ${first.name}: ${i + 1}/${reps}  ${Object.entries(repetitions.at(-1)?.figures ?? {})
            .map(([k, v]) => `${k} ${v.toFixed(1)}`)
            .join("  ")}`,
        );
      }
      for (const row of rows) done.push(resultOf(scenario, row, repetitions));
    }
    return done;
  } finally {
    await stack.stop();
  }
}

function resultOf(scenario: Scenario, row: Row, repetitions: readonly Repetition[]): Result {
  const figures = spread(repetitions.map((rep) => rep.figures[row.figure] ?? Number.NaN));
  const reached = (limit: number): boolean =>
    row.better === "more" ? figures.median >= limit : figures.median <= limit;
  const met =
    row.goal !== undefined && reached(row.goal)
      ? "goal"
      : row.floor === undefined
        ? "none"
        : reached(row.floor)
          ? "floor"
          : "missed";
  const of = (pick: (rep: Repetition) => number): number => median(repetitions.map(pick));
  return {
    scenario: scenario.name,
    row: row.name,
    unit: row.unit,
    ...figures,
    floor: row.floor ?? null,
    goal: row.goal ?? null,
    met,
    cpuUsPerTask: {
      controlPlane: of((rep) => rep.cpuUsPerTask.controlPlane),
      agent: of((rep) => rep.cpuUsPerTask.agent),
      postgres: of((rep) => rep.cpuUsPerTask.postgres),
      generator: of((rep) => rep.cpuUsPerTask.generator),
    },
    foreignPct: of((rep) => rep.foreignPct),
    fsyncP99Ms: of((rep) => rep.fsync.p99Ms),
    valid: of((rep) => rep.foreignPct) <= 20,
    repetitions,
  };
}

function table(rows: readonly Result[]): string {
  const number = (value: number): string =>
    value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(1);
  const lines = rows.map((one) => {
    const cpu = one.cpuUsPerTask;
    return `| ${one.row} | **${number(one.median)}** ${one.unit} | ${number(one.min)} … ${number(one.max)} | ${one.floor ?? "–"} / ${one.goal ?? "–"} | ${one.met}${one.valid ? "" : " (machine busy)"} | ${cpu.controlPlane} / ${cpu.agent} / ${cpu.postgres} / ${cpu.generator} | ${one.foreignPct.toFixed(0)} % | ${one.fsyncP99Ms.toFixed(1)} |`;
  });
  return [
    "| scenario | median | min … max | floor / goal | reached | CPU µs a task: control plane / agent / PostgreSQL / generator | foreign CPU | fsync p99 ms |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

function commitOf(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short=12", "HEAD"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    const lock = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
    return (JSON.parse(lock) as { version: string }).version; // our own package.json
  }
}
