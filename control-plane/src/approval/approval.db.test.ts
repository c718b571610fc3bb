import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const database = await cloneDatabase();
const server = await serverFixture(database);
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await server.close();
  await owner.end();
});
const runs = "/projects/default/runs";
await owner.query(
  `WITH eva AS (INSERT INTO users (id, name, kind) VALUES (gen_random_uuid(), 'eva', 'person') RETURNING id)
   INSERT INTO members (project_id, user_id, role) SELECT p.id, eva.id, 'operator' FROM projects p, eva`,
);

await server.deploy(`version: 1
name: publish
inputs: { rows: integer }
tasks:
  ask:
    approval:
      title: "Publish \${{ inputs.rows }} rows?"
      from: [role:project_admin]
      form: { share: { type: integer, maximum: 100 }, note: { type: string, default: none } }
  after: { needs: [ask], wait: 10ms }
outputs: { by: "\${{ tasks.ask.outputs.by }}", share: "\${{ tasks.ask.outputs.form.share }}" }
`);
await server.deploy(`version: 1
name: elsewhere
tasks: { ask: { approval: { title: Go?, from: ["user:eva"] } } }
`);

const start = async (workflow: string, inputs: object = {}): Promise<string> =>
  String((await server.call("POST", `/projects/default/workflows/${workflow}/runs`, { inputs })).body["name"]);
const approve = (run: string, body: object) => server.call("POST", `${runs}/${run}/tasks/ask/actions/approve`, body);
const listed = async (run: string) => {
  const { body } = await server.call("GET", "/projects/default/approvals");
  return (body["data"] as { run: string }[]).find((one) => one.run === run); // by the route's schema
};

test("an approval is listed with its title and form; a right answer ends it, is audited, and a repeat is harmless", async () => {
  const run = await start("publish", { rows: 7 });
  expect(await listed(run)).toMatchObject({
    task: "ask",
    title: "Publish 7 rows?",
    need: 1,
    mine: true,
    form: { share: { type: "integer", maximum: 100 } },
    expiresAt: null,
  });
  expect((await server.call("GET", `${runs}/${run}/tasks/ask/explain`)).body).toMatchObject({
    code: "waiting_approval",
    do: `answer it: capstan approve ${run}/ask, or capstan reject ${run}/ask`,
  });
  // 103
  expect(await approve(run, { form: { share: "10" } })).toMatchObject({
    status: 422,
    body: { code: "inputs_invalid", errors: [{ pointer: "/form/share", code: "wrong_type" }] },
  });
  expect((await server.call("GET", `${runs}/${run}/tasks/ask`)).body["state"]).toBe("suspended");
  expect(await approve(run, { form: { share: 10 }, comment: "fine" })).toMatchObject({
    status: 200,
    body: { run, task: "ask", state: "succeeded", already: false },
  });
  expect((await approve(run, { form: { share: 10 } })).body).toMatchObject({ already: true });
  expect((await server.call("POST", `${runs}/${run}/tasks/ask/actions/reject`, {})).status).toBe(409);
  const ended = await until("the run ended", 20_000, async () => {
    const { body } = await server.call("GET", `${runs}/${run}`);
    return body["endedAt"] === null ? undefined : body;
  });
  expect(ended).toMatchObject({ state: "succeeded", outputs: { by: "local", share: 10 } });
  expect(await listed(run)).toBeUndefined();
  const { rows } = await owner.query<{ action: string; actor: string }>(
    "SELECT action, actor FROM audit_records WHERE subject = $1",
    [`${run}/ask`],
  );
  expect(rows).toEqual([{ action: "approvals:decide", actor: "local" }]);
});

test("a rejection fails the run with the comment", async () => {
  const run = await start("publish", { rows: 1 });
  expect((await server.call("POST", `${runs}/${run}/tasks/ask/actions/reject`, { comment: "no" })).body).toMatchObject({
    state: "failed",
  });
  expect((await server.call("GET", `${runs}/${run}`)).body).toMatchObject({
    state: "failed",
    failure: { code: "approval_rejected", message: "rejected by local: no" },
  });
});

test("who is not named may not answer, and sees that it is not theirs", async () => {
  const run = await start("elsewhere");
  expect(await listed(run)).toMatchObject({ mine: false });
  expect(await approve(run, {})).toMatchObject({ status: 403, body: { code: "forbidden" } });
  expect((await server.call("GET", `${runs}/${run}`)).body["state"]).toBe("running");
});

test("a deploy that asks somebody who is no member is refused at the place of the name", async () => {
  const source = `version: 1
name: asking
tasks:
  ask: { approval: { title: Go?, from: ["user:eva", "role:operator", "user:ewa"] } }
  take:
    run: "true"
    data: patient
    runsOn: { zone: onprem }
    outputs: { mean: { type: number, data: public, declassify: { from: patient, reason: means, approvers: ["user:jo"] } } }
data: { patient: { allowedOn: { zone: onprem } } }
`;
  const documents = [{ file: "asking.yaml", source }];
  const { status, body } = await server.call("POST", "/projects/default/deploys", { documents });
  expect(status, JSON.stringify(body)).toBe(422);
  const found = (body["errors"] as { code: string; line: number; detail: string; hint: string }[]).filter(
    ({ code }) => code === "unknown_principal",
  );
  expect(found).toMatchObject([
    { line: 4, detail: "the project has no member ewa", hint: expect.stringContaining("eva") },
    { line: 9, detail: "the project has no member jo", hint: expect.stringContaining("capstan members add jo") },
  ]);
  const right = source.replace("user:ewa", "user:local").replace("user:jo", "user:eva");
  const again = await server.call("POST", "/projects/default/deploys", {
    documents: [{ file: "a.yaml", source: right }],
  });
  const left = ((again.body["errors"] ?? []) as { code: string }[]).map(({ code }) => code);
  expect(left).not.toContain("unknown_principal");
});
