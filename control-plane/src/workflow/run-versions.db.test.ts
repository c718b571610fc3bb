// C6: a request for a run changes what the version lists as `overridable`, and nothing else.
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const server = await serverFixture(await cloneDatabase());
afterAll(() => server.close());
const P = "/projects/default";
const source = (waits: string): string => `
version: 1
name: job
overridable: [/tasks/a/wait/for, /tasks/b/limits, /labels, /concurrency]
labels: { team: data }
tasks:
  a: { wait: ${waits} }
  b: { run: "true", needs: [a] }
`;
const deploy = (waits: string) =>
  server.call("POST", `${P}/deploys`, { documents: [{ file: "job.yaml", source: source(waits) }] });
const run = (overrides: object, more: object = {}) =>
  server.call("POST", `${P}/workflows/job/runs`, { overrides, ...more });
await deploy("1h");
const { body: deployed } = await server.call("GET", `${P}/workflows/job`);

test("the run has a version of its own, told as one of the deployed version and of nothing else's", async () => {
  const set = { "/tasks/a/wait/for": "2h", "/labels/team": "ops" };
  const { status, body } = await run(set);
  expect(status).toBe(202);
  const overrides = { from: deployed["digest"], set };
  expect(body).toMatchObject({ version: 1, overrides, labels: { team: "ops" } });
  expect(body["digest"]).not.toBe(deployed["digest"]);
  const { body: shown } = await server.call("GET", `${P}/runs/${String(body["id"])}`);
  expect(shown).toMatchObject({ version: 1, overrides, digest: body["digest"] });
  const { body: version } = await server.call("GET", `${P}/workflows/job/versions/${String(body["digest"])}`);
  expect(version).toMatchObject({
    active: false,
    derivedFrom: deployed["digest"],
    document: { derived: overrides, tasks: { a: { action: { wait: { forMs: 7_200_000 } } } } },
  });
  const { body: versions } = await server.call("GET", `${P}/workflows/job/versions`);
  expect(versions["data"]).toMatchObject([{ version: 1, active: true, digest: deployed["digest"] }]);
  expect((await server.call("GET", `${P}/workflows/job/versions/1`)).body["digest"]).toBe(deployed["digest"]);
  const { body: task } = await server.call("GET", `${P}/runs/${String(body["id"])}/tasks/a`);
  expect(Date.parse(String(task["dueAt"])) - Date.parse(String(body["createdAt"]))).toBeGreaterThan(7_000_000);
});

test("the same changes are the same version, and plain runs are of the deployed one", async () => {
  const first = await run({ "/tasks/a/wait/for": "3h", "/labels/x": "y" });
  const second = await run({ "/labels/x": "y", "/tasks/a/wait/for": "3h" });
  expect(second.body["digest"]).toBe(first.body["digest"]);
  const { body: plain } = await server.call("POST", `${P}/workflows/job/runs`, {});
  expect(plain).toMatchObject({ digest: deployed["digest"], overrides: null });
});

test("changes to a version that was made for a run come on top of its own", async () => {
  const { body: first } = await run({ "/tasks/a/wait/for": "4h" });
  const { body: second } = await run({ "/labels/x": "z" }, { version: first["digest"] });
  expect(second["overrides"]).toEqual({
    from: deployed["digest"],
    set: { "/tasks/a/wait/for": "4h", "/labels/x": "z" },
  });
});

test.for([
  ["/tasks/b/run/script", "id"],
  ["/tasks/a/needs", []],
  ["/overridable", ["/tasks/b"]],
  ["/secrets/X", "env:CAPSTAN_SECRET_X"],
  ["/labels/team", "${{ inputs.x }}"],
] as const)("%s is refused with code and pointer, and nothing is made", async ([pointer, value]) => {
  const before = await server.call("GET", `${P}/runs?limit=1`);
  const refused = await run({ "/tasks/a/wait/for": "2h", [pointer]: value });
  expect(refused).toMatchObject({
    status: 422,
    body: { code: "not_overridable", errors: [{ code: "not_overridable", pointer }] },
  });
  expect((await server.call("GET", `${P}/runs?limit=1`)).body["data"]).toEqual(before.body["data"]);
});

test("what comes out is checked as at deploy, by the document and by the project", async () => {
  expect(await run({ "/tasks/a/wait/for": "soon" })).toMatchObject({
    status: 422,
    body: { code: "spec_invalid", errors: [{ code: "bad_duration", pointer: "/tasks/a/wait/for" }] },
  });
  expect(await run({ "/tasks/b/limits": ["nowhere"] })).toMatchObject({
    status: 422,
    body: { code: "spec_invalid", errors: [{ code: "unknown_limit", pointer: "/tasks/b/limits/0" }] },
  });
});

test("who asked for it is in the audit trail, with the places and without their values", async () => {
  const { body } = await run({ "/labels/secretive": "value-in-no-record" });
  const { body: trail } = await server.call("GET", `${P}/audit?action=runs:start&limit=1`);
  expect(trail["data"]).toMatchObject([
    {
      subject: "job",
      detail: { version: 1, digest: body["digest"], from: deployed["digest"], overrides: ["/labels/secretive"] },
    },
  ]);
  expect(JSON.stringify(trail)).not.toContain("value-in-no-record");
});

test("explain says that the run is not quite the deployed version", async () => {
  const { body } = await run({ "/tasks/a/wait/for": "5h" });
  const id = String(body["id"]);
  const said = 'Its request changed version 1: /tasks/a/wait/for = "5h".';
  expect((await server.call("GET", `${P}/runs/${id}/explain`)).body["detail"]).toContain(said);
  const { body: ofA } = await server.call("GET", `${P}/runs/${id}/tasks/a/explain`);
  expect(ofA).toMatchObject({ evidence: { overrides: { "/tasks/a/wait/for": "5h" } } });
  const { body: ofB } = await server.call("GET", `${P}/runs/${id}/tasks/b/explain`);
  expect(ofB["detail"]).not.toContain("changed version");
});

test("a rerun and a retry keep the changes, also in the latest version; a rollback does not take them", async () => {
  const { body: first } = await run({ "/tasks/a/wait/for": "6h" });
  const id = String(first["id"]);
  const rerun = await server.call("POST", `${P}/runs/${id}/actions/rerun`, {});
  expect(rerun.body).toMatchObject({ digest: first["digest"], overrides: first["overrides"] });
  await server.call("POST", `${P}/runs/${id}/actions/cancel`, {});
  const retry = await server.call("POST", `${P}/runs/${id}/actions/retry`, {});
  expect(retry.body).toMatchObject({ digest: first["digest"], overrides: first["overrides"] });
  const back = { version: first["digest"], reason: "x" };
  expect((await server.call("POST", `${P}/workflows/job/actions/rollback`, back)).body["code"]).toBe("state_conflict");
  await deploy("2h");
  const { body: second } = await server.call("GET", `${P}/workflows/job`);
  const latest = await server.call("POST", `${P}/runs/${id}/actions/rerun`, { version: "latest" });
  expect(latest.body).toMatchObject({
    version: 2,
    overrides: { from: second["digest"], set: { "/tasks/a/wait/for": "6h" } },
  });
  await server.call("POST", `${P}/deploys`, {
    documents: [{ file: "job.yaml", source: source("3h").replace("/tasks/a/wait/for, ", "") }],
  });
  const refused = await server.call("POST", `${P}/runs/${id}/actions/rerun`, { version: "latest" });
  expect(refused.body).toMatchObject({ code: "not_overridable" });
});
