// The examples on a fresh start, from outside: what the database file holds, what arrived at the receivers.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { TaskRunView } from "@capstan/proto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listeningPorts } from "../support/process-scan.ts";
import { startProduct, type Product } from "../support/product.ts";
import { root } from "../support/sources.ts";
import { until } from "../support/until.ts";

interface Received {
  readonly channel: "slack" | "email";
  readonly text: string;
  readonly subject?: string;
  readonly to?: readonly string[];
}

type Task = Pick<TaskRunView, "task" | "state" | "attempts" | "reused">;

let product: Product;
beforeAll(async () => {
  product = await startProduct({ byNpmStart: true });
});
afterAll(async () => {
  await product?.remove();
});

const received = (): readonly Received[] => {
  const folder = join(product.data, "received");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Received); // services.mjs writes them
};

test("npm start says ready first, with its address and process", () => {
  expect(product.events[0]).toMatchObject({ event: "ready", url: product.url, pid: expect.any(Number) });
});

test("both examples run by themselves and succeed", async () => {
  expect((await product.finished("hello-1")).state).toBe("succeeded");
  expect((await product.finished("daily_csv_to_sqlite-1")).state).toBe("succeeded");
});

test("a value goes from one task to the next and out of the run", async () => {
  const run = await product.run("hello-1");
  expect(run.outputs).toEqual({ characters: "hello, world".length });
});

test("the SQLite file holds exactly the rows of the CSV file", async () => {
  await product.finished("daily_csv_to_sqlite-1");
  const text = readFileSync(join(root, "node_modules/vega-datasets/data/seattle-weather.csv"), "utf8");
  const [header = "", ...lines] = text.trimEnd().split("\n");
  const database = new DatabaseSync(join(product.data, "daily.db"), { readOnly: true });
  const rows = database.prepare(`SELECT ${header} FROM daily ORDER BY rowid`).all();
  database.close();
  expect(rows).toHaveLength(1461);
  expect(rows.map((row) => Object.values(row).join(","))).toEqual(lines);
  expect((await product.run("daily_csv_to_sqlite-1")).outputs).toEqual({ rows: 1461 });
});

test("a query's parameters are bound, and its result is a value or a file", async () => {
  const { url } = (await product.run("daily_csv_to_sqlite-1")).inputs;
  const db = join(product.data, "weather.db");
  const started = await product.cli([
    ...["run", "weather_report", "-i", `url=${String(url)}`, "-i", `db=${db}`, "-i", "weather=snow", "--wait"],
  ]);
  expect(started.code, started.stdout + started.stderr).toBe(0);
  const text = readFileSync(join(root, "node_modules/vega-datasets/data/seattle-weather.csv"), "utf8");
  const snow = text.split("\n").filter((line) => line.endsWith(",snow"));
  const report = `date,temp_min\n${snow
    .map((line) => line.split(","))
    .map(([date = "", , , low = ""]) => ({ date, low: Number(low) }))
    .toSorted((a, b) => a.low - b.low || a.date.localeCompare(b.date))
    .map(({ date, low }) => `${date},${low}\n`)
    .join("")}`;
  expect((await product.run("weather_report-1")).outputs).toMatchObject({
    days: snow.length,
    report: { $file: { sha256: createHash("sha256").update(report).digest("hex"), mediaType: "text/csv" } },
  });
});

test("functions of a TypeScript file run on the agent, and pass a file on", async () => {
  const started = await product.cli(["run", "word_report", "-i", "text=one two three four", "--wait"]);
  expect(started.code, started.stdout + started.stderr).toBe(0);
  expect((await product.run("word_report-1")).outputs).toEqual({ words: 4, reported: true });
  expect((await product.cli(["logs", "word_report-1"])).stdout).toContain("4 words, the longest is three");
  const table = (await product.task("word_report-1", "count")).outputs?.["table"];
  expect(table).toMatchObject({ $file: { name: "words.csv", mediaType: "text/csv" } });
});

const hasPython = spawnSync("python3", ["--version"]).status === 0;
test.runIf(hasPython)("a workflow in Python runs as one in YAML does", async () => {
  const started = await product.cli(["run", "word_lengths", "-i", "text=one two three four", "--wait"]);
  expect(started.code, started.stdout + started.stderr).toBe(0);
  expect((await product.run("word_lengths-1")).outputs).toEqual({ count: 4, told: true });
  expect((await product.cli(["logs", "word_lengths-1"])).stdout).toContain("4 words, 3.75 letters on average");
});

test("a file is split, its parts are measured side by side, and the answers come in the order of the parts", async () => {
  const { url } = (await product.run("daily_csv_to_sqlite-1")).inputs;
  const started = await product.cli(["run", "weather_by_year", "-i", `url=${String(url)}`, "--wait"]);
  expect(started.code, started.stdout + started.stderr).toBe(0);
  const text = readFileSync(join(root, "node_modules/vega-datasets/data/seattle-weather.csv"), "utf8");
  const years = Map.groupBy(text.trimEnd().split("\n").slice(1), (line) => line.slice(0, 4));
  const lines = [...years].map(([year, days]) => {
    const rainy = days.filter((line) => line.endsWith(",rain")).length;
    return { year, days: days.length, rainy, hottest: Math.max(...days.map((line) => Number(line.split(",")[2]))) };
  });
  const table = lines.map(({ year, days, rainy, hottest }) => `${year},${days},${rainy},${hottest.toFixed(1)}\n`);
  const sha256 = createHash("sha256")
    .update(`year,days,rainy,hottest\n${table.join("")}`)
    .digest("hex");
  expect((await product.run("weather_by_year-1")).outputs).toMatchObject({
    years: 4,
    hottest: Math.max(...lines.map(({ hottest }) => hottest)),
    table: { $file: { sha256 } },
  });
  const status = await product.cli(["status", "weather_by_year-1"]);
  expect(status.stdout).toMatch(/measure .*4\/4/);
  const explained = await product.cli(["explain", "weather_by_year-1/measure.2"]);
  expect(explained.stdout).toContain("measure.2 succeeded");
});

test("success is told once in each channel", async () => {
  const messages = await until("both messages", 20_000, () => (received().length >= 2 ? received() : undefined));
  expect(messages.map((message) => message.channel).sort()).toEqual(["email", "slack"]);
  const slack = messages.find((message) => message.channel === "slack");
  const email = messages.find((message) => message.channel === "email");
  expect(slack?.text).toContain("daily_csv_to_sqlite: 1461 rows");
  expect(slack?.text).toContain(`${product.url}/runs/daily_csv_to_sqlite-1`);
  expect(email).toMatchObject({ subject: "daily_csv_to_sqlite succeeded", to: ["data-team@example.org"] });
});

test("exports that share a limit never run more at once than it has", async () => {
  const run = await product.cli(["run", "limited_export", "--wait", "-o", "json"]);
  expect(run.code, run.stderr).toBe(0);
  const spans: { from: number; to: number; weight: number }[] = [];
  for (const [task, weight] of [
    ["orders", 1],
    ["stock", 1],
    ["returns", 1],
    ["everything", 2],
  ] as const) {
    const outputs = (await product.task("limited_export-1", task)).outputs ?? {};
    spans.push({ from: Number(outputs["from"]), to: Number(outputs["to"]), weight });
  }
  for (const { from } of spans) {
    const used = spans.filter((one) => one.from <= from && from < one.to).reduce((sum, one) => sum + one.weight, 0);
    expect(used, JSON.stringify(spans)).toBeLessThanOrEqual(2);
  }
  const shown = await product.cli(["limits", "list", "-o", "json"]);
  const { data } = JSON.parse(shown.stdout) as { data: { name: string; used: number }[] }; // of the route limitList
  expect(data.map(({ name, used }) => [name, used])).toEqual([
    ["partner_api", 1],
    ["warehouse", 0],
  ]);
});

test("the logs of a run can be read on the command line", async () => {
  const logs = await product.cli(["logs", "hello-1"]);
  expect(logs.code).toBe(0);
  expect(logs.stdout).toContain("hello, world");
  expect(logs.stdout).toContain("that is 12 characters");
});

test("a flaky task is tried three times, a hopeless one once; a retry re-uses the first and runs the second", async () => {
  const first = await product.cli(["run", "flaky", "--wait"]);
  expect(first.code).toBe(1);
  expect(first.stderr).toContain("check: BadRow: row 7 has no amount");
  const tasks = async (run: string): Promise<Record<string, Task>> => {
    const { stdout } = await product.cli(["runs", "show", run, "-o", "json"]);
    const shown = JSON.parse(stdout) as { tasks: Task[] }; // a RunView with its tasks
    return Object.fromEntries(shown.tasks.map((task) => [task.task, task]));
  };
  const before = await tasks("flaky-1");
  expect(before["fetch"]).toMatchObject({ state: "succeeded", attempts: 3 });
  expect(before["check"]).toMatchObject({ state: "failed", attempts: 1 });
  expect((await product.cli(["retry", "flaky-1", "--wait"])).code).toBe(0);
  const after = await tasks("flaky-2");
  expect(after["fetch"]).toMatchObject({ state: "succeeded", attempts: 0, reused: { name: "flaky-1" } });
  expect(after["report"]).toMatchObject({ state: "succeeded", attempts: 1 });
});

test("the printed link signs in, and the page of a run is served on the same port", async () => {
  const link = await product.cli(["open", "-o", "json"]);
  const { url } = JSON.parse(link.stdout) as { url: string }; // the address of the sign-in link
  const token = new URLSearchParams(new URL(url).hash.slice(1)).get("token");
  const exchange = await fetch(`${product.url}/auth/exchange`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: product.url },
    body: JSON.stringify({ token }),
  });
  const cookie = exchange.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  expect(cookie).toMatch(/^capstan=./);
  const page = await until("the console answers", 90_000, async () => {
    const response = await fetch(`${product.url}/runs/hello-1`, { headers: { accept: "text/html", cookie } });
    return response.status === 200 ? response : undefined;
  });
  expect(page.headers.get("content-type")).toContain("text/html");
  expect(await page.text()).toContain("/_next/static/");
}, 120_000);

test("an approval holds the run until a person answers with values that fit its form", async () => {
  await product.finished("hello-1"); // all examples are deployed by then
  expect((await product.cli(["run", "publish_report"])).code).toBe(0);
  await until("it asks", 20_000, async () => {
    const list = await product.cli(["approvals", "list", "--mine", "-o", "name"]);
    return list.stdout.includes("publish_report-1/ask") ? list : undefined;
  });
  const wrong = await product.cli(["approve", "publish_report-1/ask", "-i", "share=101"]);
  expect(wrong.code).toBe(3);
  expect(wrong.stderr).toContain("share");
  expect((await product.cli(["approve", "publish_report-1/ask", "-i", "share=10"])).code).toBe(0);
  const run = await product.finished("publish_report-1");
  expect(run).toMatchObject({ state: "succeeded", outputs: { share: 10, by: "local" } });
  expect((await product.cli(["logs", "publish_report-1"])).stdout).toContain(
    "published to 10 % as decided by local (none)",
  );
});

test("runs of another workflow give their outputs to the run that started them", async () => {
  await product.finished("hello-1"); // all examples are deployed by then
  expect((await product.cli(["run", "count_two_texts", "--wait"])).code).toBe(0);
  expect((await product.run("count_two_texts-1")).outputs).toMatchObject({ words: 10 });
  const names = (await product.cli(["runs", "list", "--workflow", "count_words", "-o", "name"])).stdout;
  expect(names.trim().split("\n").toSorted()).toEqual(["count_words-1", "count_words-2"]);
});

test("a dead address ends with exit code 1, is told in both channels, and explain and logs say why", async () => {
  const before = received().length;
  const { url: served } = (await product.run("daily_csv_to_sqlite-1")).inputs;
  const url = new URL("/nothing-here.csv", String(served)).href;
  const run = await product.cli(["run", "daily_csv_to_sqlite", "-i", `url=${url}`, "--wait", "-o", "json"]);
  expect(run.code, run.stderr).toBe(1);
  const ended = await product.finished("daily_csv_to_sqlite-2");
  expect(ended.state).toBe("failed");
  expect(ended.failure).toMatchObject({ task: "download" });
  const messages = await until("both messages", 20_000, () =>
    received().length >= before + 2 ? received().slice(before) : undefined,
  );
  expect(messages.map((message) => message.channel).sort()).toEqual(["email", "slack"]);
  for (const message of messages) expect(message.text).toContain("404");
  expect(messages.find((message) => message.channel === "email")?.subject).toBe("daily_csv_to_sqlite failed");
  const explained = await product.cli(["explain", "daily_csv_to_sqlite-2"]);
  expect(explained.code).toBe(0);
  expect(explained.stdout).toContain("download");
  expect(explained.stdout).toContain("404");
  const logs = await product.cli(["logs", "daily_csv_to_sqlite-2"]);
  expect(logs.stdout).toContain("404");
  expect((await product.task("daily_csv_to_sqlite-2", "download")).attempts).toBe(3);
  expect((await product.task("daily_csv_to_sqlite-2", "load")).state).not.toBe("succeeded");
});

test("no secret stands in a log, an event or on a command line", async () => {
  const place = (name: string): string => {
    const environment = product
      .processes(/services\.mjs|agent/)
      .map(({ pid }) => readFileSync(`/proc/${pid}/environ`, "latin1"))
      .find((text) => text.includes(name));
    return new RegExp(`${name}=([^\\0]+)`).exec(environment ?? "")?.[1] ?? "";
  };
  const webhook = new URL(place("CAPSTAN_SECRET_SLACK_WEBHOOK")).pathname;
  const password = new URL(place("CAPSTAN_SECRET_SMTP")).password;
  expect(password.length).toBeGreaterThan(16);
  const logs = await product.cli(["logs", "daily_csv_to_sqlite-2"]);
  const shown = await product.cli(["runs", "show", "daily_csv_to_sqlite-2", "-o", "json"]);
  const commands = product
    .processes()
    .map((one) => one.command)
    .join("\n");
  for (const text of [logs.stdout, shown.stdout, commands, product.talk]) {
    expect(text).not.toContain(webhook);
    expect(text).not.toContain(password);
  }
});

test("12 · patient rows stay on premises, and a mean over groups that hide everybody leaves", async () => {
  const run = await product.cli(["run", "hybrid_care_cost", "--wait", "-o", "json"], { timeoutMs: 90_000 });
  expect(run.code, run.stderr).toBe(0);
  const { kpi } = (await product.run("hybrid_care_cost-1")).outputs as { kpi: Record<string, number> }; // as declared
  expect(Object.keys(kpi).toSorted()).toEqual(["cardiology", "paediatrics", "surgery"]);
  const logs = await product.cli(["logs", "hybrid_care_cost-1/publish"]);
  expect(logs.stdout).toContain(`surgery: ${kpi["surgery"]?.toFixed(2)}`);
});

test("13 · a schedule says when it fires, and starts a run by hand for the window since its last tick", async () => {
  const explained = await product.cli(["schedules", "explain", "morning_report"]);
  expect(explained.code, explained.stderr).toBe(0);
  const fired = await product.cli(["schedules", "fire", "morning_report", "-o", "name"]);
  expect(fired.code, fired.stderr).toBe(0);
  const run = await product.finished(fired.stdout.trim());
  expect(run.state).toBe("succeeded");
  expect(run.inputs["since"]).toMatch(/^\d{4}-\d\d-\d\dT0[45]:30:00Z$/);
  expect(run.trigger).toMatchObject({ kind: "schedule", byHand: true });
});

test("the agent and its runners open no TCP port", () => {
  const agents = product.processes(/agent\/(dist|src)\/|runner/).map((one) => one.pid);
  expect(agents.length).toBeGreaterThan(0);
  expect(listeningPorts(agents)).toEqual([]);
});

test("stopping leaves no process and no open port", async () => {
  expect(await product.stop()).toBe(0);
  expect(product.processes()).toEqual([]);
  await expect(fetch(`${product.url}/livez`)).rejects.toThrow();
});
