// The workflow of the language's second example, as its author writes it.
import { expr, file, percent, pluginTask, pythonTask, text, workflow, z, type Secret } from "@capstan/sdk";

export const Params = z.object({ lr: z.number(), depth: z.int() });
export const Model = z.object({ model: file(), accuracy: z.number(), params: Params });
export const snapshot = pythonTask("ml.data:snapshot", {
  input: z.object({ version: z.string() }),
  output: z.object({ dataset: file(), version: z.string() }),
});
export const train = pythonTask("ml.train:train", {
  input: z.object({ dataset: file(), lr: z.number(), depth: z.int() }),
  output: Model,
});
export const select = pythonTask("ml.select:best", {
  input: z.object({ candidates: z.array(Model) }),
  output: Model,
});
export const upload = pluginTask("aws/s3-upload@1", {
  input: z.object({ source: file(), bucket: z.string(), key: z.string(), credentials: z.custom<Secret>() }),
  output: z.object({ uri: z.string() }),
});
export const inputs = z.object({
  threshold: z.number().min(0).max(1).default(0.92),
  bucket: z.string().default("models-prod"),
  grid: z.array(Params).default([{ lr: 0.1, depth: 4 }]),
});

export const weeklyRetrain = workflow(
  "weekly_retrain",
  {
    owner: "ml-platform",
    triggers: [{ schedule: { cron: "0 3 * * 1", timezone: "UTC", catchup: "skip" } }],
    inputs,
    secrets: { AWS_DEPLOY: "vault:main/kv/ml/aws#deploy", SLACK_WEBHOOK: "vault:main/kv/ml/slack#webhook" },
  },
  ({ inputs: given, run, secret, task, map, onSuccess }) => {
    const data = task("snapshot", snapshot, { version: "latest" });
    const tries = map(
      "train",
      given.grid,
      train,
      (item) => ({ dataset: data.outputs.dataset, lr: item.lr, depth: item.depth }),
      { maxParallel: 4, runsOn: { gpu: "true" }, timeout: "2h" },
    );
    const best = task("select", select, { candidates: tries.results });
    const ship = task(
      "deploy",
      upload,
      {
        source: best.outputs.model,
        bucket: given.bucket,
        key: text`churn/${data.outputs.version}/model.bin`,
        credentials: secret("AWS_DEPLOY"),
      },
      { if: expr`${best.outputs.accuracy} >= ${given.threshold}` },
    );
    onSuccess({
      slack: {
        webhook: secret("SLACK_WEBHOOK"),
        text: text`accuracy ${percent(best.outputs.accuracy)} ${run.url}`,
      },
    });
    return { accuracy: best.outputs.accuracy, deployed: expr`${ship.state} == "succeeded"` };
  },
);
