// Trains a grid of models side by side, keeps the best, and releases it only where it is good enough.
import { expr, file, nodeTask, shellTask, workflow, z } from "@capstan/sdk";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const trained = z.object({ model: file(), accuracy: z.number() });

const train = nodeTask({
  input: z.object({ rate: z.number() }),
  output: trained,
  // Finds the root of two by steps of `rate`; the nearer, the more accurate. Put your own training here.
  run: ({ input: { rate }, context }) => {
    let guess = 1;
    for (let step = 0; step < 20; step++) guess -= (rate * (guess * guess - 2)) / (2 * guess);
    const accuracy = Math.max(0, 1 - Math.abs(guess - Math.SQRT2));
    writeFileSync(join(context.outDir, "model.json"), JSON.stringify({ guess, rate }));
    console.log(`rate ${rate}: accuracy ${accuracy.toFixed(4)}`);
    return { model: context.file("model.json"), accuracy };
  },
});

const select = nodeTask({
  // The outputs of each index; those that failed are null.
  input: z.object({ candidates: z.array(trained.nullable()) }),
  output: trained,
  run: ({ input, context }) => {
    const [best] = input.candidates.filter((one) => one !== null).toSorted((a, b) => b.accuracy - a.accuracy);
    if (best === undefined) throw new Error("no model of the grid was trained");
    copyFileSync(best.model.path, join(context.outDir, "best.json"));
    return { model: context.file("best.json"), accuracy: best.accuracy };
  },
});

export default workflow(
  "workflow_name",
  {
    title: "Retrain, and release above a threshold",
    inputs: z.object({
      threshold: z.number().min(0).max(1).default(0.9),
      grid: z.array(z.object({ rate: z.number() })).default([{ rate: 0.1 }, { rate: 0.5 }, { rate: 0.9 }]),
    }),
    // Each Monday: triggers: [{ id: "weekly", schedule: { cron: "0 4 * * 1", timezone: "UTC" } }],
  },
  ({ inputs, task, map }) => {
    const tried = map("train", inputs.grid, train, (item) => ({ rate: item.rate }), {
      maxParallel: 2,
      retry: { attempts: 2, causes: ["timeout", "oom"] },
    });
    const best = task("select", select, { candidates: tried.results });
    // Below the threshold it is skipped, with the two numbers as the reason: capstan explain @last/release
    const released = task(
      "release",
      shellTask('echo "released a model of accuracy $ACCURACY"'),
      {},
      {
        if: expr`${best.outputs.accuracy} >= ${inputs.threshold}`,
        env: { ACCURACY: best.outputs.accuracy },
      },
    );
    return { accuracy: best.outputs.accuracy, released: expr`${released.state} == "succeeded"` };
  },
);
