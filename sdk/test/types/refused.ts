// Eighteen mistakes that must not compile, each for its own reason; `compiles.test.ts` holds the reasons.
import { file, nodeTask, text, workflow, z, expr } from "@capstan/sdk";
import { inputs, Model, select, snapshot, train, upload } from "./weekly-retrain.ts";

export const refused = workflow("refused", { inputs }, ({ inputs: given, secret, task, map }) => {
  const data = task("snapshot", snapshot, { version: "latest" });
  const tries = map("train", given.grid, train, (item) => ({
    dataset: data.outputs.dataset,
    lr: item.lr,
    depth: item.depth,
  }));
  const best = task("select", select, { candidates: tries.results });
  const key = text`model.bin`;
  const { bucket } = given;
  const credentials = secret("AWS_DEPLOY");

  // @ts-expect-error 1 an output that is not declared
  void best.outputs.acuracy;
  // @ts-expect-error 2 a number for a file
  task("m2", upload, { source: best.outputs.accuracy, bucket, key, credentials });
  // @ts-expect-error 3 an input left out
  map("m3", given.grid, train, (item) => ({ dataset: data.outputs.dataset, lr: item.lr }));
  // @ts-expect-error 4 a secret in a text
  void text`${secret("A")}`;
  // @ts-expect-error 5 an input more
  task("m5", snapshot, { version: "latest", verbose: true });
  // @ts-expect-error 6 outputs of a mapped task
  void tries.outputs;
  // @ts-expect-error 7 results of a task that is not mapped
  void best.results;
  // @ts-expect-error 8 a field that the item does not have
  map("m8", given.grid, train, (item) => ({ dataset: data.outputs.dataset, lr: item.rate, depth: item.depth }));
  // @ts-expect-error 9 an option that does not exist
  task("m9", snapshot, { version: "latest" }, { timeOut: "2h" });
  // @ts-expect-error 10 no duration
  task("m10", snapshot, { version: "latest" }, { timeout: "2 hours" });
  // @ts-expect-error 11 a number for a text
  task("m11", snapshot, { version: 3 });
  // @ts-expect-error 12 a number as a condition
  task("m12", snapshot, { version: "latest" }, { if: best.outputs.accuracy });
  // @ts-expect-error 13 a secret for a text
  task("m13", snapshot, { version: secret("A") });
  // @ts-expect-error 14 a file in a text
  void text`${best.outputs.model}`;
  // @ts-expect-error 15 a text as the list of a mapped task
  map("m15", given.bucket, train, () => ({ dataset: data.outputs.dataset, lr: 1, depth: 1 }));
  return { done: expr`true` };
});

const output = z.object({ accuracy: z.number(), rows: z.int() });
// @ts-expect-error 16 a function that returns a value of another type
void nodeTask({ output, run: () => ({ accuracy: "high", rows: 1 }) });
// @ts-expect-error 17 a function that forgets an output
void nodeTask({ output, run: () => ({ accuracy: 0.9 }) });
// @ts-expect-error 18 a function that returns a file as plain text
void nodeTask({ output: z.object({ model: file() }), run: () => ({ model: "model.bin" }) });
void Model;
