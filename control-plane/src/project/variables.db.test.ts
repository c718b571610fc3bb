// Variables of a project, and what workflows know of them and of their runs before these exist.
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const server = await serverFixture(await cloneDatabase());
afterAll(() => server.close());
const project = "/projects/default";
const call = (method: string, path: string, body?: unknown, headers = {}) =>
  server.call(method, `${project}${path}`, body, headers);
/** Whatever is there. */
const seen = { "if-match": "*" };
const ended = (run: string) =>
  until(`${run} ended`, 20_000, async () => {
    const { body } = await call("GET", `/runs/${run}`);
    return body["endedAt"] === null ? undefined : body;
  });
const start = async (workflow: string, inputs: object = {}): Promise<string> => {
  const { status, body } = await call("POST", `/workflows/${workflow}/runs`, { inputs });
  expect([status, body["detail"]]).toEqual([202, undefined]);
  return String(body["name"]);
};

test("a variable is made, changed, shown and removed; one that a deployed workflow reads stays", async () => {
  expect(await call("PUT", "/variables/region", { value: "eu" })).toMatchObject({
    status: 200,
    body: { name: "region", value: "eu", updatedBy: "local" },
  });
  await call("PUT", "/variables/region", { value: "us" }, seen);
  expect((await call("GET", "/variables")).body).toMatchObject({ data: [{ name: "region", value: "us" }] });
  await server.deploy(`version: 1\nname: reader\nvars: [region]\ntasks: { a: { wait: 10ms } }\n`);
  const kept = await call("DELETE", "/variables/region", undefined, seen);
  expect(kept).toMatchObject({ status: 409, body: { code: "in_use", evidence: { workflows: ["reader"] } } });
  await call("PUT", "/variables/other", { value: "x" });
  expect((await call("DELETE", "/variables/other", undefined, seen)).status).toBe(204);
  expect((await call("GET", "/variables/other")).status).toBe(404);
});

test.each([
  ["/variables/Bad-Name", { value: "x" }],
  ["/variables/x", { value: 1 }],
  ["/variables/x", { value: "a\0b" }],
  ["/variables/x", { value: "x".repeat(65_537) }],
  ["/variables/x", {}],
])("PUT %s %j is refused", async (path, body) => {
  expect((await call("PUT", path, body)).status).toBe(400);
});

test("a deploy is refused at the name of a variable that is not there", async () => {
  const source = "version: 1\nname: lost\nvars: [regoin]\ntasks: { a: { wait: 10ms } }\n";
  const { status, body } = await call("POST", "/deploys", { documents: [{ file: "lost.yaml", source }] });
  expect(status).toBe(422);
  expect(body).toMatchObject({
    errors: [{ code: "unknown_var", line: 3, pointer: "/vars/0", hint: "did you mean region?" }],
  });
});

test("a run keeps the variables that it was asked for with; its retry keeps them, a rerun takes those of now", async () => {
  await call("PUT", "/variables/zone", { value: "a" });
  await call("PUT", "/variables/level", { value: "2" });
  await server.deploy(`version: 1
name: zones
vars: [zone, level]
inputs: { where: { type: string, default: "\${{ vars.zone }}" } }
labels: { zone: "\${{ vars.zone }}-\${{ inputs.where }}" }
priority: "\${{ int(vars.level) }}"
tasks:
  hold: { wait: 1h }
  stop: { if: vars.zone == "none", needs: [hold], run: "true" }
outputs: { zone: "\${{ vars.zone }}" }
`);
  const first = await start("zones");
  await call("PUT", "/variables/zone", { value: "b" }, seen);
  const skip = (run: string) => call("POST", `/runs/${run}/tasks/hold/actions/skip_wait`, { reason: "test" });
  await skip(first);
  expect(await ended(first)).toMatchObject({
    outputs: { zone: "a" },
    inputs: { where: "a" },
    labels: { zone: "a-a" },
    priority: 2,
    trigger: { kind: "api", actor: "local" },
  });
  const again = String((await call("POST", `/runs/${first}/actions/retry`, { mode: "all" })).body["name"]);
  await skip(again);
  expect(await ended(again)).toMatchObject({ outputs: { zone: "a" } });
  const anew = String((await call("POST", `/runs/${first}/actions/rerun`, {})).body["name"]);
  await skip(anew);
  expect(await ended(anew)).toMatchObject({ outputs: { zone: "b" }, inputs: { where: "a" } });
});

test("defaults, labels and the first conditions know the run, its number included, and no two runs share one", async () => {
  await server.deploy(`version: 1
name: early
inputs:
  tag: { type: string, default: "\${{ run.workflow }}-\${{ run.number }}" }
  at: { type: string, default: "\${{ string(run.scheduledAt) }}" }
labels: { link: "\${{ run.url }}" }
tasks:
  even: { if: run.number % 2 == 0, wait: 10ms }
outputs: { number: "\${{ run.number }}", at: "\${{ string(run.scheduledAt) }}", id: "\${{ run.id }}" }
`);
  const names = await Promise.all(Array.from({ length: 6 }, () => start("early")));
  const { body } = await call("POST", "/workflows/early/runs/batch", { runs: [{}, {}] });
  names.push(...(body["data"] as { name: string }[]).map(({ name }) => name)); // of runStartBatch
  expect(new Set(names).size).toBe(8);
  for (const name of names) {
    const run = await ended(name);
    const number = Number(name.slice("early-".length));
    const inputs = run["inputs"] as { tag: string; at: string }; // as declared above
    expect(run).toMatchObject({ number, outputs: { number, at: inputs.at, id: run["id"] } });
    expect(inputs.tag).toBe(name);
    expect(run["labels"]).toEqual({ link: `${server.url}/runs/${name}` });
    const { body: even } = await call("GET", `/runs/${name}/tasks/even`);
    expect(even["state"]).toBe(number % 2 === 0 ? "succeeded" : "skipped");
  }
});
