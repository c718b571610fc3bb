// Work beside the data, and work elsewhere: one task reads where the rows are, another goes on with what may leave.
// Both are in the pool `default` so that it runs as it is; name your own pools (capstan pools list).
import { nodeTask, workflow, z } from "@capstan/sdk";

const extract = nodeTask({
  input: z.object({ day: z.string() }),
  output: z.object({ count: z.int(), mean: z.number() }),
  run: ({ input }) => {
    // Put the query of your own database here.
    const rows = Array.from({ length: 120 }, (_, row) => 80 + ((row * 37 + input.day.length) % 320));
    console.log(`${rows.length} rows of ${input.day} read; they stay here`);
    return { count: rows.length, mean: rows.reduce((sum, row) => sum + row, 0) / rows.length };
  },
});

const report = nodeTask({
  input: z.object({ day: z.string(), count: z.int(), mean: z.number() }),
  output: z.object({ text: z.string() }),
  run: ({ input }) => {
    const text = `${input.day}: ${input.count} cases, ${input.mean.toFixed(2)} on average`;
    console.log(text);
    return { text };
  },
});

export default workflow(
  "workflow_name",
  { title: "Read on the site, report elsewhere", inputs: z.object({ day: z.string().default("2026-03-02") }) },
  ({ inputs, task }) => {
    const { count, mean } = task(
      "extract",
      extract,
      { day: inputs.day },
      // The pool of the agents beside the data; the lease outlives a long outage of the line.
      { runsOn: { pool: "default" }, lease: "24h" },
    ).outputs;
    const reported = task("report", report, { day: inputs.day, count, mean }, { runsOn: { pool: "default" } });
    return { text: reported.outputs.text };
  },
);
