// C6, a definition that was approved and is overridden when it is run: a run takes inputs, labels, a version, and changes of
// the places that its version lists. That an agent refuses any other change is held by agent/src/derived.test.ts.
import { beforeAll, expect, test } from "vitest";
import { bodyKeys } from "./bodies.ts";
import { filled, made, makeGround, raw, routeTable } from "./ground.ts";

const ground = await makeGround();
const { server, owner } = ground;
const json = { authorization: `Bearer ${server.token}`, "content-type": "application/json" };
const source = (name: string, command: string): string =>
  `version: 1\nname: ${name}\ninputs: { who: { type: string, default: world } }\ntasks: { only: { run: "${command}", env: { A: b } } }\n`;
let otherDigest = "";
beforeAll(async () => {
  await made(ground, "POST", "/projects/default/deploys", {
    documents: [{ file: "w.yaml", source: source("approved", "echo ok") }],
  });
  await made(ground, "POST", "/projects", { name: "other" });
  await made(ground, "POST", "/projects/other/deploys", {
    documents: [{ file: "w.yaml", source: source("approved", "echo stolen") }],
  });
  await made(ground, "POST", "/projects/default/workflows/approved/runs", {});
  const { rows } = await owner.query<{ digest: string }>(
    "SELECT digest FROM workflow_versions WHERE canonical::text LIKE '%stolen%'",
  );
  otherDigest = String(rows[0]?.digest);
});

/** What other systems let a request change. */
const overrides: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(
    ["image", "command", "run", "script", "executor", "pool", "user", "isolation", "serviceAccount"].map((key) => [
      key,
      "evil",
    ]),
  ),
  ...Object.fromEntries(["args", "mounts", "volumes", "secrets", "runsOn", "needs"].map((key) => [key, ["evil"]])),
  ...Object.fromEntries(
    [
      "env",
      "vars",
      "with",
      "conf",
      "parameters",
      "container",
      "securityContext",
      "podSpecPatch",
      "tasks",
      "spec",
      "document",
      "defaults",
      "permissions",
      "resources",
    ].map((key) => [key, { evil: "1" }]),
  ),
};
const starting = routeTable.filter(
  ([, { permission, body }]) => (permission === "runs:start" || permission === "runs:retry") && body !== undefined,
);

test("no request that starts a run has a field that says what runs", () => {
  expect(starting.map(([name]) => name)).toEqual(
    expect.arrayContaining(["runStart", "runStartBatch", "runRerun", "runRetry", "backfillStart"]),
  );
  for (const [name, route] of starting)
    for (const key of bodyKeys(route)) expect(Object.keys(overrides), name).not.toContain(key);
});

test("a field that would override the version is refused, at every depth, and no run is made", async () => {
  const count = async (): Promise<string> =>
    String((await owner.query<{ n: string }>("SELECT count(*) AS n FROM runs")).rows[0]?.n);
  const before = await count();
  for (const [name, route] of starting.filter(([one]) => one !== "eventSend")) {
    const path = filled(route.path, { project: "default", workflow: "approved", run: "approved-1", task: "only" });
    for (const [key, value] of Object.entries(overrides)) {
      for (const body of [
        { [key]: value },
        { runs: [{ [key]: value }] },
        { filter: { [key]: value } },
        { workflow: "approved", [key]: value },
      ]) {
        const { status, text } = await raw(server.url, route.method, path, json, JSON.stringify(body));
        expect(status, `${name} ${JSON.stringify(body)}: ${text}`).toBe(400);
      }
    }
  }
  expect(await count()).toBe(before);
});

test("an input that the version does not declare is refused", async () => {
  for (const [key, value] of Object.entries(overrides)) {
    const body = JSON.stringify({ inputs: { [key]: value } });
    const { status } = await raw(server.url, "POST", "/api/v1/projects/default/workflows/approved/runs", json, body);
    expect(status, key).toBe(422);
  }
});

test("of a version only the places that it lists are changed, and no name that looks like one of them", async () => {
  const listed =
    "version: 1\nname: open\noverridable: [/tasks/only/timeout, /tasks/only/env/A]\ntasks: { only: { run: echo, timeout: 10m, env: { A: b, AB: c } } }\n";
  await made(ground, "POST", "/projects/default/deploys", { documents: [{ file: "w.yaml", source: listed }] });
  const start = async (workflow: string, overrides: Readonly<Record<string, unknown>>): Promise<number> => {
    const path = `/api/v1/projects/default/workflows/${workflow}/runs`;
    return (await raw(server.url, "POST", path, json, JSON.stringify({ overrides }))).status;
  };
  const places = [
    ...[
      "",
      "/",
      "/name",
      "/version",
      "/overridable",
      "/overridable/0",
      "/inputs",
      "/triggers",
      "/tasks",
      "/tasks/only",
    ],
    ...["/tasks/only/run", "/tasks/only/run/script", "/tasks/only/env", "/tasks/only/env/AB", "/tasks/only/env/a"],
    ...["/tasks/only/env/A ", "/tasks/only/timeouts", "/tasks/only/timeout/../run", "/tasks/other/timeout"],
    ...["/tasks/only/env/A~", "/tasks/only/env/%41", "tasks/only/timeout", "/Tasks/only/timeout", "/tasks/only/runsOn"],
    ...["/tasks/only/container", "/tasks/only/secrets", "/defaults/timeout", "//tasks/only/timeout"],
  ];
  for (const place of places) {
    for (const value of ["1h", null, { script: "id" }]) {
      expect([400, 422], `${place} ${JSON.stringify(value)}`).toContain(await start("open", { [place]: value }));
      // Nor beside one that may be changed.
      expect([400, 422], place).toContain(await start("open", { "/tasks/only/timeout": "1h", [place]: value }));
    }
  }
  for (const value of ["${{ secrets.A }}", "${{ vars.x }}", { a: 1 }, ["x"]])
    expect([400, 422], JSON.stringify(value)).toContain(await start("open", { "/tasks/only/env/A": value }));
  expect(await start("approved", { "/tasks/only/env/A": "x" })).toBe(422);
  expect(await start("open", { "/tasks/only/env/A": "x" })).toBe(202);
});

test("a version is one of this workflow in this project, and of no other", async () => {
  expect(otherDigest).toMatch(/^sha256:/);
  for (const version of [otherDigest, 2, `sha256:${"0".repeat(64)}`]) {
    const body = JSON.stringify({ version });
    const { status } = await raw(server.url, "POST", "/api/v1/projects/default/workflows/approved/runs", json, body);
    expect(status, String(version)).toBe(404);
  }
});
