// Words of a text, counted by functions of this file. They are bundled when the workflow is deployed and run on agents.
import { expr, file, nodeTask, text, workflow, z } from "@capstan/sdk";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { words } from "./_words.ts";

const count = nodeTask({
  input: z.object({ text: z.string() }),
  output: z.object({ words: z.int(), longest: z.string(), table: file() }),
  run: ({ input, context }) => {
    const found = words(input.text);
    context.progress(found.length, found.length);
    const lines = found.map((word) => `${word},${word.length}`);
    writeFileSync(join(context.outDir, "words.csv"), ["word,length", ...lines].join("\n") + "\n");
    const longest = found.toSorted((a, b) => b.length - a.length)[0] ?? "";
    return { words: found.length, longest, table: context.file("words.csv") };
  },
});

const report = nodeTask({
  input: z.object({ title: z.string(), table: file() }),
  output: z.object({ lines: z.int() }),
  run: ({ input }) => {
    console.log(input.title);
    return { lines: readFileSync(input.table.path, "utf8").trimEnd().split("\n").length };
  },
});

export default workflow(
  "word_report",
  {
    title: "Words of a text",
    inputs: z.object({
      text: z.string().max(10_000).default("a workflow in TypeScript is the document that YAML would be"),
      least: z.int().min(0).default(3).describe("a text of fewer words gets no report"),
    }),
  },
  ({ inputs, task }) => {
    const counted = task("count", count, { text: inputs.text });
    const { words: found, longest, table } = counted.outputs;
    const reported = task(
      "report",
      report,
      { title: text`${found} words, the longest is ${longest}`, table },
      { if: expr`${found} >= ${inputs.least}` },
    );
    return { words: found, reported: expr`${reported.state} == "succeeded"` };
  },
);
