import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readWorkflow } from "@capstan/proto";
import {
  always,
  expr,
  failure,
  httpTask,
  matrix,
  nodeTask,
  orValue,
  pythonTask,
  shellTask,
  text,
  workflow,
  z,
} from "./index.ts";
import type { NodeCall } from "./task.ts";
import { weeklyRetrain } from "../test/types/weekly-retrain.ts";
import { careReport } from "../test/one-digest/care-report.ts";

const folder = join(import.meta.dirname, "..", "test", "one-digest");
const read = (document: unknown): ReturnType<typeof readWorkflow> => readWorkflow({ text: JSON.stringify(document) });

test("107: a workflow in YAML and in TypeScript has one digest", () => {
  const yaml = readWorkflow({ text: readFileSync(join(folder, "care_report.yaml"), "utf8") });
  const typescript = read(careReport.build().document);
  expect(yaml.problems).toEqual([]);
  expect(typescript.problems).toEqual([]);
  expect(typescript.document).toEqual(yaml.document);
  expect(typescript.digest).toBe(yaml.digest);
});

test("the second example of the language is the document that its YAML is", () => {
  const { document } = weeklyRetrain.build();
  expect(document).toEqual({
    version: 1,
    name: "weekly_retrain",
    owner: "ml-platform",
    triggers: [{ schedule: { cron: "0 3 * * 1", timezone: "UTC", catchup: "skip" } }],
    inputs: {
      threshold: { type: "number", minimum: 0, maximum: 1, default: 0.92 },
      bucket: { type: "string", default: "models-prod" },
      grid: {
        type: "array",
        items: {
          type: "object",
          required: ["lr", "depth"],
          properties: { lr: { type: "number" }, depth: { type: "integer" } },
        },
        default: [{ lr: 0.1, depth: 4 }],
      },
    },
    secrets: { AWS_DEPLOY: "vault:main/kv/ml/aws#deploy", SLACK_WEBHOOK: "vault:main/kv/ml/slack#webhook" },
    tasks: {
      snapshot: {
        python: "ml.data:snapshot",
        with: { version: "latest" },
        outputs: { dataset: { type: "file" }, version: { type: "string" } },
      },
      train: {
        python: "ml.train:train",
        forEach: "${{ inputs.grid }}",
        maxParallel: 4,
        runsOn: { gpu: "true" },
        timeout: "2h",
        with: { dataset: "${{ tasks.snapshot.outputs.dataset }}", lr: "${{ item.lr }}", depth: "${{ item.depth }}" },
        outputs: expect.objectContaining({ model: { type: "file" }, accuracy: { type: "number" } }) as unknown,
      },
      select: expect.objectContaining({ with: { candidates: "${{ tasks.train.results }}" } }) as unknown,
      deploy: {
        uses: "aws/s3-upload@1",
        if: "tasks.select.outputs.accuracy >= inputs.threshold",
        with: {
          source: "${{ tasks.select.outputs.model }}",
          bucket: "${{ inputs.bucket }}",
          key: "churn/${{ tasks.snapshot.outputs.version }}/model.bin",
          credentials: "${{ secrets.AWS_DEPLOY }}",
        },
        outputs: { uri: { type: "string" } },
      },
    },
    outputs: { accuracy: "${{ tasks.select.outputs.accuracy }}", deployed: '${{ tasks.deploy.state == "succeeded" }}' },
    hooks: {
      onSuccess: [
        {
          slack: {
            webhook: "${{ secrets.SLACK_WEBHOOK }}",
            text: "accuracy ${{ percent(tasks.select.outputs.accuracy) }} ${{ run.url }}",
          },
        },
      ],
    },
  });
});

test("every construct of the language has its call", () => {
  const shell = shellTask("true");
  const { document } = workflow(
    "constructs",
    { inputs: z.object({ items: z.array(z.string()), prod: z.boolean() }) },
    ({ inputs, task, map, chain, child, approval, wait, secret, vars, result }) => {
      const each = map("each", inputs.items, shell, (item, index) => ({ item, index }), {
        minSuccess: "80%",
        failFast: true,
      });
      const after = chain("after", each, shell, (previous) => ({ state: previous.state }));
      map("grid", matrix({ a: [1, 2], b: ["x"] }, { exclude: [{ a: 2 }] }), shell, (item) => ({ a: item.a }));
      child("sub", "other", { n: 1 }, { wait: false, needs: [after] });
      const asked = approval("asked", { title: "Go?", from: ["group:ops"], form: z.object({ day: z.iso.date() }) });
      wait("told", { event: { type: "order.*", if: expr`trigger.body.id == 1` } }, { if: failure(), needs: ["asked"] });
      wait("until", { until: asked.outputs.form.day });
      task(
        "poll",
        httpTask({ url: "https://x.example", auth: { bearer: secret("T") } }),
        {},
        {
          poll: { every: "30s", until: expr`${result} == 1` },
          if: expr`${inputs.prod}`,
        },
      );
      task(
        "last",
        shell,
        { zone: vars("zone") },
        { if: always(), runsOn: { expr: expr`agent.slots > ${2}`, host: "db-1" } },
      );
    },
  ).build();
  expect(document["tasks"]).toEqual({
    each: {
      run: "true",
      forEach: "${{ inputs.items }}",
      with: { item: "${{ item }}", index: "${{ index }}" },
      minSuccess: "80%",
      failFast: true,
    },
    after: { run: "true", forEach: { chain: "each" }, with: { state: "${{ prev.state }}" } },
    grid: { run: "true", matrix: { a: [1, 2], b: ["x"], exclude: [{ a: 2 }] }, with: { a: "${{ item.a }}" } },
    sub: { workflow: { name: "other", wait: false }, with: { n: 1 }, needs: ["after"] },
    asked: { approval: { title: "Go?", from: ["group:ops"], form: { day: { type: "string", format: "date" } } } },
    told: { wait: { event: { type: "order.*", if: "trigger.body.id == 1" } }, if: "failure()", needs: ["asked"] },
    until: { wait: { until: "${{ tasks.asked.outputs.form.day }}" } },
    poll: {
      http: { url: "https://x.example", auth: { bearer: "${{ secrets.T }}" } },
      poll: { every: "30s", until: "result == 1" },
      if: "inputs.prod",
    },
    last: {
      run: "true",
      with: { zone: "${{ vars.zone }}" },
      if: "always()",
      runsOn: { expr: "agent.slots > 2", host: "db-1" },
    },
  });
  expect(document).toMatchObject({ vars: ["zone"], secrets: ["T"] });
});

test("a build that depends on time, chance or itself is refused, with the place of the difference", () => {
  let count = 0;
  const counting = workflow("counting", {}, ({ task }) => {
    count += 1;
    task("a", shellTask(`echo ${count}`));
  });
  expect(() => counting.build()).toThrow(expect.objectContaining({ code: "build_not_pure" }) as Error);
  expect(() => counting.build()).toThrow(/\/tasks\/a\/run is not the same/);
  const growing = new Set<string>();
  const more = workflow("more", {}, ({ task }) => {
    growing.add(`t${growing.size}`);
    for (const id of growing) task(id, shellTask("true"));
  });
  expect(() => more.build()).toThrow(/\/tasks\/t1 is not the same/);
});

test("nothing of a workflow runs when its module is loaded", () => {
  let built = false;
  workflow("lazy", {}, () => {
    built = true;
  });
  expect(built).toBe(false);
});

test("a part of the document knows the author's line", () => {
  const { places } = workflow("placed", {}, ({ task, onEnd }) => {
    task("a", shellTask("true"));
    onEnd({ run: "true" });
  }).build();
  expect(Object.keys(places)).toEqual(["", "/tasks/a", "/hooks/onEnd/0"]);
  expect(places["/tasks/a"]).toMatchObject({ file: import.meta.filename });
  expect(places["/hooks/onEnd/0"]?.line).toBe((places["/tasks/a"]?.line ?? 0) + 1);
});

test("an inline function is called by the id of its task, with its input read by the schema", async () => {
  const double = nodeTask({
    input: z.object({ n: z.int(), times: z.int().default(2) }),
    output: z.object({ n: z.int() }),
    run: ({ input, context }) => {
      context.progress(1);
      return { n: input.n * input.times };
    },
  });
  const made = workflow("inline", {}, ({ task }) => {
    const first = task("first", double, { n: 1 });
    task("second", double, { n: first.outputs.n, times: 3 });
  });
  const { document, entries } = made.build("x/abc.mjs");
  expect(entries).toEqual(["first", "second"]);
  expect(document["tasks"]).toMatchObject({ first: { node: { entry: "x/abc.mjs#first" } } });
  const progress: number[] = [];
  const call = { input: { n: 4 }, progress: (done: number) => progress.push(done) } as unknown as NodeCall;
  expect(await made.entry("first")(call)).toEqual({ n: 8 });
  expect(progress).toEqual([1]);
  expect(() => made.entry("first")({ ...call, input: { n: "four" } })).toThrow(/expected number/);
  expect(() => made.entry("third")).toThrow(/no inline task third/);
});

test("two tasks of one id are refused", () => {
  const twice = workflow("twice", {}, ({ task }) => {
    task("a", shellTask("true"));
    task("a", pythonTask("m:f"));
  });
  expect(() => twice.build()).toThrow("the task a is there twice");
});

test("what the checker finds in a document from TypeScript is found in one from YAML", () => {
  const { document } = workflow("wrong", { inputs: z.object({ n: z.int() }) }, ({ inputs, task }) => {
    const a = task(
      "a",
      shellTask("true", { output: z.object({ rows: z.int() }) }),
      {},
      { if: expr`${inputs.n} > ${0}` },
    );
    task("b", shellTask("true"), { text: text`${a.outputs.rows}` }, { join: "none_failed" });
    task("c", shellTask("true"), { rows: orValue(a.outputs.rows, 0) }, { join: "none_failed" });
  }).build();
  expect(read(document).problems.map((problem) => [problem.code, problem.pointer])).toEqual([
    ["maybe_missing", "/tasks/b/with/text"],
  ]);
});
