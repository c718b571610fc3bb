// Downloads a CSV file, and loads it into a SQLite database, which is an output of the run.
import { file, httpTask, nodeTask, workflow, z } from "@capstan/sdk";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const load = nodeTask({
  input: z.object({ source: file(), table: z.string() }),
  output: z.object({ rows: z.int(), database: file() }),
  run: ({ input, context }) => {
    // A plain file without quotes; take a CSV library where there are any.
    const [head = "", ...lines] = readFileSync(input.source.path, "utf8").trimEnd().split(/\r?\n/);
    const columns = head.split(",");
    const database = new DatabaseSync(join(context.outDir, "daily.db"));
    database.exec(`CREATE TABLE ${quoted(input.table)} (${columns.map(quoted).join(", ")})`);
    const insert = database.prepare(`INSERT INTO ${quoted(input.table)} VALUES (${columns.map(() => "?").join(", ")})`);
    database.exec("BEGIN");
    for (const line of lines) insert.run(...line.split(","));
    database.exec("COMMIT");
    database.close();
    console.log(`loaded ${lines.length} rows into ${input.table}`);
    return { rows: lines.length, database: context.file("daily.db") };
  },
});

export default workflow(
  "workflow_name",
  {
    title: "CSV into SQLite",
    inputs: z.object({
      url: z.url().default("https://raw.githubusercontent.com/vega/vega-datasets/v3.2.1/data/seattle-weather.csv"),
      table: z
        .string()
        .regex(/^[a-z_]+$/)
        .default("daily"),
    }),
    // Each day at six: triggers: [{ id: "daily", schedule: { cron: "0 6 * * *", timezone: "UTC" } }],
    defaults: { timeout: "10m", retry: { attempts: 3, delay: "1s", maxDelay: "5m" } },
  },
  ({ inputs, task }) => {
    const downloaded = task("download", httpTask({ url: inputs.url, saveAs: "daily.csv", expect: { status: [200] } }));
    const loaded = task("load", load, { source: downloaded.outputs.file, table: inputs.table });
    return { rows: loaded.outputs.rows, database: loaded.outputs.database };
  },
);
