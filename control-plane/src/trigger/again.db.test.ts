import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture, type Answer } from "../testing/server-fixture.ts";

// No agent is here: marks end what would run.
const server = await serverFixture(await cloneDatabase());
afterAll(() => server.close());
const project = "/projects/default";
const source = (script: string): string => `version: 1
name: load
inputs: { day: { type: string, default: monday } }
labels: { for: "\${{ inputs.day }}" }
tasks:
  fetch: { run: "true", outputs: { rows: integer } }
  store: { run: ${script}, needs: [fetch] }
  tell: { run: "true", needs: [store] }
`;
await server.deploy(source("'true'"));

const post = (path: string, body: unknown, key?: string): Promise<Answer> =>
  server.call("POST", `${project}${path}`, body, key === undefined ? {} : { "idempotency-key": key });
const mark = (run: string, task: string, state: string, outputs?: object): Promise<Answer> =>
  post(`/runs/${run}/tasks/${task}/actions/mark`, { state, reason: "test", ...(outputs && { outputs }) });

async function states(run: string): Promise<Record<string, unknown>> {
  const { body } = await server.call("GET", `${project}/runs/${run}/tasks`);
  const tasks = body["data"] as { task: string; state: string }[]; // of taskList
  return Object.fromEntries(tasks.map((one) => [one.task, one.state]));
}

/** A run whose second task failed. */
async function failedRun(): Promise<string> {
  const { body } = await post("/workflows/load/runs", { inputs: { day: "friday" } });
  const run = String(body["name"]);
  expect(await mark(run, "fetch", "succeeded", { rows: 3 })).toMatchObject({
    status: 202,
    body: { state: "succeeded" },
  });
  expect(await mark(run, "store", "failed")).toMatchObject({ status: 202, body: { state: "failed" } });
  return run;
}

test("a retry is a new run that re-uses what succeeded, linked to the one it repeats, once per key", async () => {
  const run = await failedRun();
  const retry = () => post(`/runs/${run}/actions/retry`, {}, `retry ${run}`);
  const first = await retry();
  expect(first).toMatchObject({
    status: 202,
    body: {
      attempt: 2,
      origin: { kind: "retry", name: run, actor: "local", mode: "failed" },
      inputs: { day: "friday" },
      labels: { for: "friday" },
    },
  });
  const again = String(first.body["name"]);
  expect(await states(again)).toEqual({ fetch: "succeeded", store: "queued", tell: "waiting" });
  expect((await server.call("GET", `${project}/runs/${again}/tasks/fetch`)).body).toMatchObject({
    attempts: 0,
    outputs: { rows: 3 },
    reused: { name: run },
  });
  const replayed = await retry();
  expect(replayed.body["id"]).toBe(first.body["id"]);
  expect(replayed.headers.get("idempotency-replayed")).toBe("true");
  expect(await post(`/runs/${run}/actions/retry`, { mode: "all" }, `retry ${run}`)).toMatchObject({
    status: 422,
    body: { code: "idempotency_key_reused" },
  });
  // The one before has not changed.
  expect(await states(run)).toEqual({ fetch: "succeeded", store: "failed", tell: "skipped" });
});

test("a run that goes on cannot be retried, and a task that does not exist is named with those that do", async () => {
  const { body } = await post("/workflows/load/runs", {});
  expect(await post(`/runs/${String(body["name"])}/actions/retry`, {})).toMatchObject({
    status: 409,
    body: { code: "state_conflict" },
  });
  const run = await failedRun();
  expect(await post(`/runs/${run}/actions/retry`, { from: "stroe" })).toMatchObject({
    status: 404,
    body: {
      code: "not_found",
      detail: "load has no task stroe in version 1.",
      evidence: { tasks: ["fetch", "store", "tell"] },
    },
  });
  expect(await post(`/runs/${run}/actions/retry`, { mode: "from" })).toMatchObject({ status: 400 });
  expect(await post(`/runs/load-999/actions/retry`, {})).toMatchObject({ status: 404 });
});

test("from a task, with something before it that failed, is refused with the list", async () => {
  const run = await failedRun();
  expect(await post(`/runs/${run}/actions/retry`, { from: "tell" })).toMatchObject({
    status: 422,
    body: { code: "not_reusable", evidence: { tasks: [{ task: "store", why: "it is failed" }] } },
  });
  const { body } = await post(`/runs/${run}/actions/retry`, { from: "store" });
  expect(await states(String(body["name"]))).toEqual({ fetch: "succeeded", store: "queued", tell: "waiting" });
});

test("a mark is part of a retry; success without its declared outputs is refused", async () => {
  const run = await failedRun();
  const marked = (marks: object): Promise<Answer> => post(`/runs/${run}/actions/retry`, { mode: "all", mark: marks });
  expect(await marked({ fetch: { state: "succeeded", reason: "by hand" } })).toMatchObject({
    status: 422,
    body: { code: "output_missing" },
  });
  const { body } = await marked({ fetch: { state: "succeeded", reason: "by hand", outputs: { rows: 9 } } });
  const again = String(body["name"]);
  expect(await states(again)).toEqual({ fetch: "succeeded", store: "queued", tell: "waiting" });
  expect((await server.call("GET", `${project}/runs/${again}/tasks/fetch`)).body).toMatchObject({
    outputs: { rows: 9 },
    reused: null,
    marked: { actor: "local", reason: "by hand" },
  });
});

test("with the latest version, what is another task in it runs anew; a rerun takes only the inputs", async () => {
  const run = await failedRun();
  const before = await post(`/runs/${run}/actions/rerun`, {});
  expect(before).toMatchObject({
    status: 202,
    body: { version: 1, attempt: 1, inputs: { day: "friday" }, origin: { kind: "rerun", name: run } },
  });
  expect(await states(String(before.body["name"]))).toMatchObject({ fetch: "queued" });
  await server.deploy(source("'echo new'").replace("rows: integer", "rows: number"));
  const latest = await post(`/runs/${run}/actions/retry`, { version: "latest" });
  expect(latest.body).toMatchObject({ version: 2, attempt: 2 });
  expect(await states(String(latest.body["name"]))).toMatchObject({ fetch: "queued" });
  const same = await post(`/runs/${run}/actions/retry`, {});
  expect(same.body).toMatchObject({ version: 1 });
});

test("a task is marked once: what has ended is refused, and what does not exist is not found", async () => {
  const run = await failedRun();
  expect(await mark(run, "fetch", "failed")).toMatchObject({ status: 409, body: { code: "state_conflict" } });
  expect(await mark(run, "ghost", "failed")).toMatchObject({ status: 404 });
  expect(await post(`/runs/${run}/tasks/fetch/actions/mark`, { state: "failed" })).toMatchObject({ status: 400 });
  expect(await post(`/runs/${run}/tasks/fetch/actions/retry_now`, undefined)).toMatchObject({ status: 409 });
});
