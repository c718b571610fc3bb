// Marks of lateness, limits in time and hooks of tasks: what the checker says of them.
import { expect, test } from "vitest";
import { readWorkflow } from "../../src/index.ts";

const read = (text: string) => readWorkflow({ text: `version: 1\nname: w\n${text}`, file: "w.yaml" });
const found = (text: string) => read(text).problems.map(({ code, pointer, detail }) => ({ code, pointer, detail }));

test("marks and limits are taken, in milliseconds", () => {
  const { document, problems } = read(`
sla: { startWithin: 5m, maxDuration: 1h, finishBy: "07:30", timezone: Europe/Berlin }
tasks:
  a:
    run: "true"
    timeoutTotal: 2h
    queueTimeout: 10m
    sla: { startWithin: 1m, maxDuration: 30m }
`);
  expect(problems).toEqual([]);
  expect(document?.sla).toEqual({
    startWithinMs: 300_000,
    maxDurationMs: 3_600_000,
    finishBy: "07:30",
    timezone: "Europe/Berlin",
  });
  expect(document?.tasks["a"]).toMatchObject({
    timeoutTotalMs: 7_200_000,
    queueTimeoutMs: 600_000,
    sla: { startWithinMs: 60_000, maxDurationMs: 1_800_000 },
  });
});

test("finishBy is a time of day, and timezone one of the IANA database", () => {
  const tasks = 'tasks: { a: { run: "true" } }';
  expect(found(`sla: { finishBy: "7:30" }\n${tasks}`)).toEqual([
    { code: "bad_value", pointer: "/sla/finishBy", detail: 'finishBy is a time of day such as "07:30", not "7:30"' },
  ]);
  expect(found(`sla: { finishBy: "24:00", timezone: Berlin }\n${tasks}`).map((one) => one.pointer)).toEqual([
    "/sla/finishBy",
    "/sla/timezone",
  ]);
});

test("a hook of a task sees its failure where it failed, its outputs where it succeeded, and is no need of it", () => {
  const { document, problems } = read(`
tasks:
  a:
    run: "true"
    outputs: { rows: integer }
    hooks:
      onSuccess: [{ run: "true", env: { ROWS: "\${{ tasks.a.outputs.rows }}" } }]
      onFailure: [{ run: "true", env: { WHY: "\${{ run.failure.message }}" } }]
      onRetry: [{ run: "true", env: { WHY: "\${{ run.failure.class }}" } }]
      onLate: [{ run: "true", if: 'run.state == "running"' }]
`);
  expect(problems).toEqual([]);
  expect(document?.tasks["a"]?.needs).toEqual([]);
  const wrong = (hook: string, expression: string): unknown =>
    found(
      `tasks: { a: { run: "true", outputs: { n: integer }, hooks: { ${hook}: [{ run: "true", env: { X: "\${{ ${expression} }}" } }] } } }`,
    )[0];
  const pointer = (hook: string): string => `/tasks/a/hooks/${hook}/0/env/X`;
  expect(wrong("onFailure", "tasks.a.outputs.n")).toMatchObject({
    code: "maybe_missing",
    pointer: pointer("onFailure"),
  });
  expect(wrong("onSuccess", "run.failure.task")).toMatchObject({ code: "not_available_here" });
  expect(wrong("onSuccess", "tasks.b.state")).toMatchObject({ code: "unknown_name", pointer: pointer("onSuccess") });
});

test("what the hooks of a run cannot do yet, those of a task cannot do either", () => {
  expect(found('tasks: { a: { run: "true", hooks: { onFailure: [{ uses: aws/s3-upload@1 }] } } }')).toMatchObject([
    { code: "not_supported", pointer: "/tasks/a/hooks/onFailure/0/uses" },
  ]);
  expect(
    found('tasks: { a: { run: "true", hooks: { onRetry: [{ run: x, retry: { onExhausted: pause } }] } } }'),
  ).toMatchObject([{ code: "not_supported" }]);
});
