// `prune`: what is deployed and not in the set is retired.
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const server = await serverFixture(await cloneDatabase());
afterAll(() => server.close());
const project = "/projects/default";
const deploy = (documents: Readonly<Record<string, string>>, more: object = {}) =>
  server.call("POST", `${project}/deploys`, {
    documents: Object.entries(documents).map(([name, tasks]) => ({
      file: `${name}.yaml`,
      source: `version: 1\nname: ${name}\ntasks: ${tasks}\n`,
    })),
    ...more,
  });
const names = async (): Promise<unknown[]> => {
  const { body } = await server.call("GET", `${project}/workflows`);
  return (body["data"] as { name: string }[]).map(({ name }) => name); // of workflowList
};
const nap = "{ a: { wait: 1h } }";

test("what is not in the set is retired, its runs go on, and a later deploy brings it back", async () => {
  await deploy({ one: nap, two: nap, three: nap });
  const { body: started } = await server.call("POST", `${project}/workflows/two/runs`, {});
  expect((await deploy({ one: nap }, { prune: true, dryRun: true })).body).toMatchObject({ pruned: ["three", "two"] });
  expect(await names()).toEqual(["one", "three", "two"]);
  const done = await deploy({ one: nap }, { prune: true });
  expect(done).toMatchObject({ status: 200, body: { pruned: ["three", "two"], workflows: [{ result: "unchanged" }] } });
  expect(await names()).toEqual(["one"]);
  expect((await server.call("POST", `${project}/workflows/two/runs`, {})).status).toBe(404);
  expect((await server.call("GET", `${project}/runs/${String(started["name"])}`)).body).toMatchObject({
    state: "running",
  });
  const { body: history } = await server.call("GET", `${project}/deploys`);
  expect(history["data"]).toMatchObject([{ pruned: ["three", "two"] }, { pruned: [] }]);
  expect((await deploy({ two: nap })).body).toMatchObject({ pruned: [] });
  expect(await names()).toEqual(["one", "two"]);
});

test("a workflow that one of the set starts is not retired: the deploy is refused", async () => {
  await deploy({ child: nap, parent: "{ call: { workflow: child } }" });
  const refused = await deploy({ parent: "{ call: { workflow: child } }" }, { prune: true });
  expect(refused).toMatchObject({ status: 422, body: { errors: [{ code: "unknown_workflow" }] } });
  expect(await names()).toContain("child");
});
