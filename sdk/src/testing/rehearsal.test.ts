import { expect, test } from "vitest";
import { expr, file, pythonTask, shellTask, text, workflow, z } from "../index.ts";
import { after, fails, rehearse, skips } from "./index.ts";

const load = pythonTask("jobs.load:load", {
  input: z.object({ day: z.string() }),
  output: z.object({ rows: z.int(), table: file() }),
});
const daily = workflow(
  "daily",
  {
    inputs: z.object({ day: z.iso.date(), least: z.int().default(10) }),
    defaults: { retry: { attempts: 3, delay: "10m", jitter: 0 } },
  },
  ({ inputs, run, task, onFailure, onSuccess }) => {
    const loaded = task("load", load, { day: text`day ${inputs.day}` });
    const tell = task(
      "tell",
      shellTask("echo"),
      { rows: loaded.outputs.rows },
      { if: expr`${loaded.outputs.rows} >= ${inputs.least}` },
    );
    task("tidy", shellTask("echo"), {}, { if: expr`always()`, needs: [tell] });
    onFailure({ run: "echo", env: { WHY: run.failure.message } });
    onSuccess({ run: "echo" });
    return { rows: loaded.outputs.rows, told: expr`${tell.state} == "succeeded"` };
  },
);
const inputs = { day: "2026-01-31" };
const rows = (count: number): { rows: number; table: { $file: string } } => ({
  rows: count,
  table: { $file: "t.csv" },
});

test("a run is rehearsed: conditions, outputs and hooks are the engine's", async () => {
  const enough = await rehearse(daily, { inputs, mocks: { load: rows(12) } });
  expect(enough).toMatchObject({ state: "succeeded", outputs: { rows: 12, told: true } });
  expect(enough.tasks["load"]?.with).toEqual({ day: "day 2026-01-31" });
  expect(enough.tasks["tell"]?.with).toEqual({ rows: 12 });
  expect(Object.keys(enough.tasks)).toContain("hooks.onSuccess.0");
  const few = await rehearse(daily, { inputs, mocks: { load: rows(9) } });
  expect(few).toMatchObject({ state: "succeeded", outputs: { rows: 9, told: false } });
  expect(few.tasks["tell"]).toMatchObject({ state: "skipped", reason: { code: "skipped_by_condition" } });
});

test("a back-off of ten minutes costs no time, and is in the virtual one", async () => {
  const run = await rehearse(daily, { inputs, mocks: { load: [fails("no line"), fails("no line"), rows(10)] } });
  expect(run.tasks["load"]).toMatchObject({ state: "succeeded", attempts: 3 });
  expect(run.endedMs - run.startedMs).toBe(20 * 60_000 + 6_000);
});

test("what fails for good fails the run, runs what cleans up, and starts the hook with the reason", async () => {
  const run = await rehearse(daily, { inputs, mocks: { load: fails("no line", { retryable: false }) } });
  expect(run).toMatchObject({ state: "failed", failure: { task: "load", message: "no line" } });
  expect(run.tasks["load"]?.attempts).toBe(1);
  expect(run.tasks["tidy"]?.state).toBe("succeeded");
  expect(run.tasks["hooks.onFailure.0"]?.state).toBe("succeeded");
  expect(run.tasks["hooks.onSuccess.0"]).toBeUndefined();
});

test("a mock that takes longer than the timeout times out, one that skips is skipped", async () => {
  const slow = workflow("slow", {}, ({ task }) => {
    task("a", shellTask("sleep"), {}, { timeout: "1h" });
    task("b", shellTask("echo"));
  });
  const run = await rehearse(slow, { mocks: { a: after("2h"), b: skips() } });
  expect(run).toMatchObject({ state: "failed", endedMs: run.startedMs + 3_600_000 });
  expect(run.tasks["a"]?.state).toBe("timed_out");
  expect(run.tasks["b"]).toMatchObject({ state: "skipped" });
});

test("the run's own timeout ends it", async () => {
  const long = workflow("long", { timeout: "30m" }, ({ task }) => {
    task("a", shellTask("sleep"));
  });
  const run = await rehearse(long, { mocks: { a: after("2h") } });
  expect(run.state).toBe("timed_out");
  expect(run.endedMs - run.startedMs).toBe(1_800_000);
});

test("outputs of a mock are checked as an agent checks them", async () => {
  const run = await rehearse(daily, { inputs, mocks: { load: { rows: "many", table: { $file: "t" } } } });
  expect(run).toMatchObject({ state: "failed", failure: { code: "output_invalid" } });
});

test("a task that is reached and has no mock is named with the mock it needs; one that is not reached needs none", async () => {
  await expect(rehearse(daily, { inputs })).rejects.toThrow(
    `the task load gives rows, table and has no mock; add --mock 'load={"rows":1,"table":{"$file":"file.csv"}}'`,
  );
  await expect(rehearse(daily, { inputs, mocks: { laod: {} } })).rejects.toThrow("there is no task laod");
  await expect(rehearse(daily, { inputs: {}, mocks: { load: rows(1) } })).rejects.toThrow(/day/);
});

test("a mock may be a function of what the task is given", async () => {
  const run = await rehearse(daily, {
    inputs,
    mocks: { load: ({ with: given, attempt }) => ({ ...rows(String(given["day"]).length), attempt }) },
  });
  expect(run.outputs).toMatchObject({ rows: "day 2026-01-31".length });
});

test("equal rehearsals are equal to the last id", async () => {
  const once = await rehearse(daily, { inputs, mocks: { load: [fails("x"), rows(10)] } });
  expect(await rehearse(daily, { inputs, mocks: { load: [fails("x"), rows(10)] } })).toEqual(once);
});

test("a YAML text is rehearsed like a workflow of TypeScript", async () => {
  const run = await rehearse("version: 1\nname: a\ntasks:\n  a: { run: echo }\n");
  expect(run.state).toBe("succeeded");
});

test("a mapped task is rehearsed index by index", async () => {
  const train = shellTask("train", { output: z.object({ accuracy: z.number() }) });
  const grid = workflow(
    "grid",
    { inputs: z.object({ rates: z.array(z.number()) }) },
    ({ inputs: given, task, map }) => {
      const tries = map("train", given.rates, train, (item) => ({ rate: item }), { maxParallel: 2, minSuccess: 2 });
      const best = task("best", shellTask("best", { output: z.object({ count: z.int() }) }), { all: tries.results });
      return { best: best.outputs.count, failed: tries.counts.failed };
    },
  );
  const run = await rehearse(grid, {
    inputs: { rates: [0.1, 0.2, 0.3] },
    mocks: {
      train: ({ with: { rate } }) => ({ accuracy: 1 - Number(rate) }),
      "train.1": fails("diverged"),
      best: ({ with: { all } }) => ({ count: Array.isArray(all) ? all.filter((one) => one !== null).length : 0 }),
    },
  });
  expect(run).toMatchObject({ state: "succeeded", outputs: { best: 2, failed: 1 } });
  expect(run.tasks["train.2"]).toMatchObject({ with: { rate: 0.3 }, outputs: { accuracy: 0.7 } });
  expect(run.tasks["train.1"]?.state).toBe("failed");
});

test("a sensor polls in virtual time: its cursor goes on, exit code 75 is not yet, and until ends it", async () => {
  const seen: unknown[] = [];
  const watching = workflow("watching", {}, ({ task, result, cursor, poll }) => {
    const found = task(
      "look",
      pythonTask("jobs.look:look", {
        input: z.object({ since: z.int().nullable(), number: z.int() }),
        output: z.object({ cursor: z.int() }),
      }),
      { since: expr`${cursor}`, number: poll },
      { poll: { every: "1h", until: expr`${result}.cursor >= 3` } },
    );
    return { cursor: found.outputs.cursor };
  });
  const run = await rehearse(watching, {
    mocks: {
      look: ({ attempt, with: given }) => {
        seen.push(given);
        return attempt === 2 ? { $fail: "not yet", $exitCode: 75 } : { cursor: attempt };
      },
    },
  });
  expect(run).toMatchObject({ state: "succeeded", outputs: { cursor: 3 } });
  expect(run.tasks["look"]).toMatchObject({ attempts: 3, outputs: { cursor: 3, polls: 3 } });
  expect(run.endedMs - run.startedMs).toBeGreaterThanOrEqual(2 * 3_600_000);
  expect(seen).toEqual([
    { since: null, number: 1 },
    { since: 1, number: 2 },
    { since: 1, number: 3 },
  ]);
});

test("variables and the run's number are known to defaults and conditions, and a variable without a value is asked for", async () => {
  const workflow = `version: 1
name: known
vars: [zone]
inputs: { tag: { type: string, default: "\${{ vars.zone }}-\${{ run.number }}" } }
tasks: { a: { if: vars.zone == "eu" && run.number == 1, run: "true" } }
outputs: { tag: "\${{ inputs.tag }}" }
`;
  await expect(rehearse(workflow)).rejects.toMatchObject({ code: "mock_missing" });
  const run = await rehearse(workflow, { vars: { zone: "eu" } });
  expect([run.tasks["a"]?.state, run.outputs]).toEqual(["succeeded", { tag: "eu-1" }]);
});

test("equal tasks with cache work once: the others wait for it and take its outputs", async () => {
  const text = `
version: 1
name: prices
tasks:
  price:
    forEach: [a, b, a, a]
    run: "./price.sh"
    env: { SHOP: "\${{ item }}" }
    cache: { ttl: 1h }
    outputs: { n: integer }
`;
  let calls = 0;
  const run = await rehearse(text, {
    mocks: {
      price: () => {
        calls += 1;
        return { n: calls };
      },
    },
  });
  expect(run.state).toBe("succeeded");
  expect(calls).toBe(2);
  expect([0, 1, 2, 3].map((index) => run.tasks[`price.${index}`]?.outputs)).toEqual([
    { n: 1 },
    { n: 2 },
    { n: 1 },
    { n: 1 },
  ]);
  expect(run.tasks["price.2"]?.attempts).toBe(0);
});

const waiting = (task: string, more = ""): string => `version: 1
name: waiting
tasks:
  it: ${task}
  next: { needs: [it], run: "true" }
${more}`;

test("an approval is answered by its mock, checked like a person's; without one its timeout decides", async () => {
  const ask = `{ approval: { title: ship?, from: ["role:operator"], need: 2, form: { note: string } } }`;
  const outputs = `outputs: { by: "\${{ tasks.it.outputs.by }}", note: "\${{ tasks.it.outputs.form.note }}" }\n`;
  const run = await rehearse(waiting(ask, outputs), {
    mocks: { it: { by: ["ana", "bob"], form: { note: "fine" }, $after: "2h" } },
  });
  expect(run).toMatchObject({ state: "succeeded", outputs: { by: "user:ana, user:bob", note: "fine" } });
  expect(run.endedMs - run.startedMs).toBeGreaterThanOrEqual(2 * 3_600_000);
  await expect(rehearse(waiting(ask))).rejects.toMatchObject({ code: "mock_missing" });
  await expect(rehearse(waiting(ask), { mocks: { it: { form: { note: 1 } } } })).rejects.toMatchObject({
    code: "inputs_invalid",
  });
  const timed = `{ approval: { title: ship?, from: ["role:operator"], timeout: 1h } }`;
  expect(await rehearse(waiting(timed))).toMatchObject({ state: "failed", failure: { code: "approval_rejected" } });
  const refused = await rehearse(waiting(timed), { mocks: { it: { decision: "rejected", comment: "no" } } });
  expect(refused.failure?.message).toContain("no");
});

test("an event comes with the data of its mock, if it fits; a wait that nothing ends is named", async () => {
  const wait = `{ wait: { event: { type: order.paid, if: "event.data.total > 10", timeout: 2h, onTimeout: continue } } }`;
  const outputs = `outputs: { event: "\${{ tasks.it.outputs.event }}" }\n`;
  const paid = await rehearse(waiting(wait, outputs), { mocks: { it: { total: 12 } } });
  expect(paid.outputs).toMatchObject({ event: { type: "order.paid", data: { total: 12 } } });
  const little = await rehearse(waiting(wait, outputs), { mocks: { it: { total: 2 } } });
  expect(little.outputs).toEqual({ event: null });
  expect(little.endedMs - little.startedMs).toBeGreaterThanOrEqual(2 * 3_600_000);
  await expect(rehearse(waiting("{ wait: { event: { type: never } } }"))).rejects.toMatchObject({
    code: "mock_missing",
  });
  const slept = await rehearse(waiting("{ wait: 5h }"));
  expect([slept.state, slept.endedMs - slept.startedMs >= 5 * 3_600_000]).toEqual(["succeeded", true]);
});

test("a child is its mock: it gets the inputs, gives outputs, and is tried again where the workflow says so", async () => {
  const call = `{ workflow: other, with: { n: 3 }, retry: { attempts: 2, causes: [child] } }`;
  const outputs = `outputs: { twice: "\${{ tasks.it.outputs.twice }}" }\n`;
  const run = await rehearse(waiting(call, outputs), { mocks: { it: [fails("no disk"), { twice: 6 }] } });
  expect(run).toMatchObject({ state: "succeeded", outputs: { twice: 6 } });
  expect(run.tasks["it"]?.with).toEqual({ n: 3 });
  const failed = await rehearse(waiting(call), { mocks: { it: fails("no disk") } });
  expect(failed).toMatchObject({ state: "failed", failure: { task: "it", code: "child_failed" } });
  await expect(rehearse(waiting(call))).rejects.toMatchObject({ code: "mock_missing" });
  expect((await rehearse(waiting("{ workflow: { name: other, wait: false } }"))).state).toBe("succeeded");
});
