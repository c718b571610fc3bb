import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const server = await serverFixture(await cloneDatabase());
afterAll(() => server.close());
const runs = "/projects/default/runs";
await server.deploy("version: 1\nname: hello\ntasks:\n  hi: { run: echo hi }\n");

const start = async (): Promise<string> => {
  const { body } = await server.call("POST", "/projects/default/workflows/hello/runs", {});
  return String(body["name"]);
};

test("a run is paused, says by whom and why, and goes on; repeats are harmless", async () => {
  const run = await start();
  const pause = () => server.call("POST", `${runs}/${run}/actions/pause`, { reason: "disk is full" });
  expect(await pause()).toMatchObject({ status: 202, body: { run, state: "paused", already: false } });
  expect((await pause()).body).toEqual({ run, state: "paused", already: true });
  expect((await server.call("GET", `${runs}/${run}`)).body).toMatchObject({
    state: "paused",
    pause: { actor: "local", reason: "disk is full" },
  });
  expect((await server.call("GET", `${runs}/${run}/explain`)).body).toMatchObject({
    code: "run_paused",
    do: `let it go on: capstan resume ${run}`,
  });
  expect((await server.call("GET", `${runs}/${run}/tasks/hi/explain`)).body).toMatchObject({
    code: "run_paused",
    evidence: { by: "local", why: "disk is full" },
  });
  const resume = () => server.call("POST", `${runs}/${run}/actions/resume`);
  expect(await resume()).toMatchObject({ status: 202, body: { run, state: "running", already: false } });
  expect((await resume()).body).toEqual({ run, state: "running", already: true });
  expect((await server.call("GET", `${runs}/${run}`)).body["pause"]).toBeNull();
});

test("what is over cannot be paused or resumed, what does not exist is not found, and a wrong body is refused", async () => {
  const run = await start();
  await server.call("POST", `${runs}/${run}/actions/cancel`, {});
  for (const action of ["pause", "resume"]) {
    expect(
      await server.call("POST", `${runs}/${run}/actions/${action}`, action === "pause" ? {} : undefined),
    ).toMatchObject({
      status: 409,
      body: { code: "state_conflict", detail: `${run} is cancelled; it cannot be ${action}d.` },
    });
  }
  expect((await server.call("POST", `${runs}/hello-999/actions/pause`, {})).status).toBe(404);
  expect((await server.call("POST", `/projects/other/runs/${run}/actions/pause`, {})).status).toBe(404);
  expect((await server.call("POST", `${runs}/${run}/actions/pause`, { why: "x" })).body["code"]).toBe("malformed");
});
