// What must compile, and with which types.
import { expectTypeOf } from "vitest";
import {
  always,
  containerTask,
  expr,
  file,
  httpTask,
  matrix,
  nodeTask,
  orValue,
  shellTask,
  sqlTask,
  text,
  workflow,
  z,
  type File,
  type Ref,
  type Secret,
  type TaskState,
} from "@capstan/sdk";
import { weeklyRetrain } from "./weekly-retrain.ts";

const convert = nodeTask({
  input: z.object({
    source: file(),
    factor: z.number().default(2),
    token: z.custom<Secret>(),
    note: z.string().optional(),
  }),
  output: z.object({ rows: z.int(), report: file() }),
  run: async ({ input, context }) => {
    expectTypeOf(input.source).toEqualTypeOf<File>();
    expectTypeOf(input.factor).toEqualTypeOf<number>();
    expectTypeOf(input.token).toEqualTypeOf<string>();
    expectTypeOf(input.note).toEqualTypeOf<string | undefined>();
    context.progress(1, 2);
    if (input.factor > 10) throw new context.Retry("later", { afterMs: 1000 });
    return { rows: 3, report: context.file("report.pdf") };
  },
});

export const accepted = workflow(
  "accepted",
  { inputs: z.object({ url: z.url(), day: z.iso.date().optional(), prod: z.boolean().default(false) }) },
  ({ inputs, secret, task, map, chain, child, approval, wait, run, onFailure, vars }) => {
    const page = task("page", httpTask({ url: inputs.url, saveAs: "page.csv", headers: { "x-token": secret("T") } }));
    expectTypeOf(page.outputs.file).toExtend<Ref<File>>();
    expectTypeOf(page.state).toEqualTypeOf<Ref<TaskState>>();
    const bare = task("bare", httpTask({ url: text`${inputs.url}/x` }));
    // @ts-expect-error without saveAs there is no file
    void bare.outputs.file;
    // Inputs with a default and optional ones may be left out, and a secret may depend on an input.
    const made = task("made", convert, {
      source: page.outputs.file,
      token: expr`${inputs.prod} ? ${secret("A")} : ${secret("B")}`,
    });
    expectTypeOf(made.outputs.rows).toEqualTypeOf<Ref<number>>();
    const sizes = map("sizes", ["a", "b"], shellTask("wc -c"), (item, index) => ({ name: item, at: index }), {
      minSuccess: "80%",
      if: expr`${inputs.prod}`,
    });
    const grid = map("grid", matrix({ lr: [0.1, 0.2], kind: ["x"] }), containerTask("x:1"), (item) => ({
      lr: item.lr,
    }));
    chain("after", grid, shellTask("true"), (previous, item) => ({ lr: item.lr, state: previous.state }));
    const rows = task("rows", sqlTask({ url: secret("DB"), query: "select 1", params: [inputs.url, 1] }));
    expectTypeOf(rows.outputs.rowCount).toEqualTypeOf<Ref<number>>();
    const trained = child("trained", weeklyRetrain, { threshold: 0.5 });
    expectTypeOf(trained.outputs.accuracy).toEqualTypeOf<Ref<number>>();
    // @ts-expect-error an input that the child does not have
    child("wrong", weeklyRetrain, { treshold: 0.5 });
    const asked = approval("asked", { title: "Go?", from: ["user:ada"], form: z.object({ until: z.string() }) });
    wait("until", { until: asked.outputs.form.until });
    wait(
      "told",
      { event: { type: "order.done", timeout: "2h", onTimeout: "continue" } },
      { needs: [asked, sizes, "made"] },
    );
    task(
      "last",
      shellTask("rm -rf x"),
      {},
      { if: always(), env: { DAY: orValue(inputs.day, "none"), V: vars("zone") } },
    );
    onFailure({ webhook: { url: "https://x.example", json: { task: run.failure.task, state: run.state } } });
    return { rows: made.outputs.rows, how: { value: page.state, type: "string", description: "its state" } };
  },
);
