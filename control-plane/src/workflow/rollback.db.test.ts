// Going back to an earlier version: a deploy like any other, of what was deployed before.
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const server = await serverFixture(await cloneDatabase());
afterAll(() => server.close());
const P = "/projects/default";
const deploy = (tasks: string, name = "job") =>
  server.call("POST", `${P}/deploys`, {
    documents: [{ file: `${name}.yaml`, source: `version: 1\nname: ${name}\ntasks: ${tasks}\n` }],
  });
const rollback = (body: object, headers: Readonly<Record<string, string>> = {}) =>
  server.call("POST", `${P}/workflows/job/actions/rollback`, body, headers);
const versions = async (): Promise<readonly [number, boolean][]> => {
  const { body } = await server.call("GET", `${P}/workflows/job/versions`);
  return (body["data"] as { version: number; active: boolean }[]).map(({ version, active }) => [version, active]);
};

test("an earlier version is active again under its own number, and runs keep theirs", async () => {
  await deploy("{ a: { wait: 1h } }");
  const { body: old } = await server.call("POST", `${P}/workflows/job/runs`, {});
  await deploy("{ a: { wait: 2h } }");
  expect(await versions()).toEqual([
    [2, true],
    [1, false],
  ]);
  const done = await rollback({ version: 1, reason: "two hours are too long" });
  expect(done).toMatchObject({
    status: 200,
    body: { message: "back to version 1: two hours are too long", workflows: [{ workflow: "job", version: 1 }] },
  });
  expect(await versions()).toEqual([
    [2, false],
    [1, true],
  ]);
  const { body: fresh } = await server.call("POST", `${P}/workflows/job/runs`, {});
  expect(fresh["version"]).toBe(old["version"]);
  const { body: trail } = await server.call("GET", `${P}/audit?action=workflows:deploy&limit=1`);
  expect(trail["data"]).toMatchObject([{ actor: "local" }]);
});

test("the same request again changes nothing, and its key is good for no other", async () => {
  const headers = { "idempotency-key": "back-1" };
  const first = await rollback({ version: "2", reason: "again" }, headers);
  const second = await rollback({ version: "2", reason: "again" }, headers);
  expect([first.status, second.body["id"], second.headers.get("idempotency-replayed")]).toEqual([
    200,
    first.body["id"],
    "true",
  ]);
  expect((await rollback({ version: 1, reason: "again" }, headers)).body["code"]).toBe("idempotency_key_reused");
});

test("what is not there is told, and a reason is asked for", async () => {
  expect((await rollback({ version: 99, reason: "x" })).body).toMatchObject({ code: "not_found" });
  expect((await rollback({ version: "sha256:0", reason: "x" })).status).toBe(404);
  expect((await rollback({ version: 1, reason: "  " })).body).toMatchObject({ code: "malformed" });
  const other = await server.call("POST", `${P}/workflows/nothing/actions/rollback`, { version: 1, reason: "x" });
  expect(other.status).toBe(404);
});

test("a version that does not fit the project any more is refused, and the active one stays", async () => {
  await deploy("{ a: { wait: 1h } }", "child");
  await deploy("{ call: { workflow: child } }");
  await deploy("{ a: { wait: 3h } }");
  const before = await versions();
  await server.call("POST", `${P}/deploys`, {
    prune: true,
    documents: [{ file: "job.yaml", source: "version: 1\nname: job\ntasks: { a: { wait: 3h } }\n" }],
  });
  const refused = await rollback({ version: 3, reason: "x" });
  expect(refused).toMatchObject({ status: 422, body: { errors: [{ code: "unknown_workflow" }] } });
  expect(await versions()).toEqual(before);
});
