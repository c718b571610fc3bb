// A paused workflow: what begins, what waits, and what is told about it.
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const server = await serverFixture(await cloneDatabase());
afterAll(() => server.close());
const project = "/projects/default";
const post = (path: string, body: unknown = {}) => server.call("POST", `${project}${path}`, body);
const get = async (path: string) => (await server.call("GET", `${project}${path}`)).body;
const start = async (workflow: string): Promise<string> => {
  const { status, body } = await post(`/workflows/${workflow}/runs`);
  expect(status).toBe(202);
  return String(body["name"]);
};
const stateIs = (run: string, state: string) =>
  until(`${run} is ${state}`, 20_000, async () => ((await get(`/runs/${run}`))["state"] === state ? true : undefined));
const skip = (run: string, task = "a") => post(`/runs/${run}/tasks/${task}/actions/skip_wait`, { reason: "test" });
const hour = (name: string, more = ""): string => `version: 1\nname: ${name}\n${more}tasks: { a: { wait: 1h } }\n`;

test("new runs of a paused workflow wait and say why, those that have begun go on, and all begin when it goes on", async () => {
  await server.deploy(hour("plain"));
  const before = await start("plain");
  const paused = await post("/workflows/plain/actions/pause", { reason: "moving house" });
  expect(paused).toMatchObject({ status: 200, body: { state: "paused", already: false, waiting: 0 } });
  expect((await post("/workflows/plain/actions/pause")).body).toMatchObject({ already: true });
  expect(await get("/workflows/plain")).toMatchObject({ pause: { actor: "local", reason: "moving house" } });

  const held = [await start("plain"), await start("plain")];
  expect(await get(`/runs/${held[0]}`)).toMatchObject({ state: "queued" });
  const why = await get(`/runs/${held[1]}/explain`);
  expect(why).toMatchObject({ code: "workflow_paused", evidence: { by: "local", why: "moving house", ahead: 1 } });
  expect(why["detail"]).toContain("moving house");
  await skip(before);
  await stateIs(before, "succeeded");
  await post(`/runs/${held[0]}/actions/cancel`);
  await stateIs(held[0] ?? "", "cancelled");
  expect(await get(`/runs/${held[1]}`)).toMatchObject({ state: "queued" });

  expect((await post("/workflows/plain/actions/resume")).body).toMatchObject({ state: "active", waiting: 1 });
  await stateIs(held[1] ?? "", "running");
  expect(await get("/workflows/plain")).toMatchObject({ pause: null });
  const after = await start("plain");
  await stateIs(after, "running");
  const records = await get("/workflows");
  expect(records["data"]).toHaveLength(1);
});

test("a run that waits for its concurrency is not admitted while the workflow is paused", async () => {
  await server.deploy(hour("single", "concurrency: { limit: 1 }\n"));
  const first = await start("single");
  const second = await start("single");
  await post("/workflows/single/actions/pause");
  await skip(first);
  await stateIs(first, "succeeded");
  const third = await start("single");
  expect(await get(`/runs/${second}/explain`)).toMatchObject({ code: "workflow_paused" });
  await post("/workflows/single/actions/resume");
  await stateIs(second, "running");
  expect(await get(`/runs/${third}`)).toMatchObject({ state: "queued" });
});

test("a retry that waits keeps what it re-uses", async () => {
  await server.deploy(
    `version: 1
name: again
concurrency: { limit: 1 }
tasks:
  fetch: { run: "true", outputs: { rows: integer } }
  store: { run: "true", needs: [fetch] }
`,
  );
  const mark = (run: string, task: string, state: string, outputs?: object) =>
    post(`/runs/${run}/tasks/${task}/actions/mark`, { state, reason: "test", ...(outputs && { outputs }) });
  const first = await start("again");
  await mark(first, "fetch", "succeeded", { rows: 3 });
  await mark(first, "store", "failed");
  await stateIs(first, "failed");
  const other = await start("again");
  const retry = await post(`/runs/${first}/actions/retry`, {});
  expect(retry).toMatchObject({ status: 202, body: { state: "queued", attempt: 2, origin: { name: first } } });
  const run = String(retry.body["name"]);
  expect(await get(`/runs/${run}`)).toMatchObject({ state: "queued" });
  await post(`/runs/${other}/actions/cancel`);
  await stateIs(run, "running");
  expect(await get(`/runs/${run}/tasks/fetch`)).toMatchObject({
    state: "succeeded",
    attempts: 0,
    outputs: { rows: 3 },
    reused: { name: first },
  });
  expect(await get(`/runs/${run}/tasks/store`)).toMatchObject({ state: "queued" });
});

test("a child that a paused parent asked for begins when the parent goes on", async () => {
  await server.deploy(hour("child"));
  await server.deploy(`version: 1
name: parent
tasks:
  first: { wait: 1h }
  call: { workflow: child, needs: [first] }
`);
  const parent = await start("parent");
  await post(`/runs/${parent}/actions/pause`);
  await skip(parent, "first"); // it ends in the pause, and what follows is the child
  const child = await until("the child is there", 20_000, async () => {
    const { data } = (await get("/runs?workflow=child")) as { data: { name: string; state: string }[] }; // of runList
    return data[0];
  });
  expect(child.state).toBe("paused");
  await post(`/runs/${parent}/actions/resume`);
  await stateIs(child.name, "running");
  await skip(child.name);
  await stateIs(parent, "succeeded");
});
