// `run` in a workflow's priority and keys: as it was when the run was asked for, and the same as long as the run waits.
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const server = await serverFixture(await cloneDatabase());
afterAll(() => server.close());
const P = "/projects/default";
const deployed = await server.call("POST", `${P}/deploys`, {
  documents: [
    {
      file: "job.yaml",
      source: `
version: 1
name: job
labels: { shard: "\${{ inputs.shard }}" }
inputs: { shard: string }
priority: "\${{ run.attempt > 1 ? 1 : 4 }}"
concurrency: { key: "\${{ run.labels.shard }}", limit: 1 }
tasks:
  a: { wait: 1h }
  b: { run: "true" }
`,
    },
  ],
});
const start = async (shard: string): Promise<string> => {
  const { status, body } = await server.call("POST", `${P}/workflows/job/runs`, { inputs: { shard } });
  expect(status).toBe(202);
  return String(body["id"]);
};
const show = async (id: string) => (await server.call("GET", `${P}/runs/${id}`)).body;
const cancel = (id: string) => server.call("POST", `${P}/runs/${id}/actions/cancel`, { force: true });

test("the key of a group may ask for the run's labels, and is the same when the run is admitted", async () => {
  expect(deployed.body["workflows"]).toMatchObject([{ result: "new" }]);
  const first = await start("a");
  const other = await start("b");
  const second = await start("a");
  expect([(await show(first))["state"], (await show(other))["state"], (await show(second))["state"]]).toEqual([
    "running",
    "running",
    "queued",
  ]);
  await cancel(first);
  await until("the second is admitted", 20_000, async () => (await show(second))["state"] === "running" || undefined);
  expect((await show(other))["state"]).toBe("running");
  await cancel(second);
  await cancel(other);
});

test("the priority may ask for the attempt", async () => {
  const first = await start("c");
  const shown = await show(first);
  expect(shown["priority"]).toBe(4);
  expect(shown["trigger"]).not.toHaveProperty("early");
  await cancel(first);
  const { body: again } = await server.call("POST", `${P}/runs/${first}/actions/retry`, {});
  expect(again["priority"]).toBe(1);
});
