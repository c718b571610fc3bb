// C5, the outer identity is checked and an inner one believed: an agent of one project, and a member of one, name things
// of another in every message and at every depth.
import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { agentFrameSchemas, idFromUuid } from "@capstan/proto";
import type { AgentClient } from "../../control-plane/src/testing/agent-client.ts";
import {
  changedTables,
  enrol,
  filled,
  furnish,
  live,
  made,
  makeGround,
  raw,
  routeTable,
  rowsAtRest,
  rowsOf,
  tokenOf,
  type Enrolled,
  type Furnished,
} from "./ground.ts";

const ground = await makeGround();
const { server, owner } = ground;
const fixtures = new URL("../../proto/src/fixtures/v1/", import.meta.url);
let victim: Furnished;
let stranger: Enrolled;
let headers: Readonly<Record<string, string>>;
/** Rows of the victim's project, which stay what they are from here to the end. */
let before: ReadonlyMap<string, string>;
beforeAll(async () => {
  victim = await furnish(ground, "other", "zebrafinch");
  stranger = await enrol(ground, "default", "stranger");
  headers = { authorization: `Bearer ${await tokenOf(ground, "default", "project_admin", "stranger")}` };
  before = await rowsAtRest(owner, victim);
}, 120_000);

interface LiveAttempt {
  readonly attempt: string;
  readonly epoch: number;
}
/** The attempt of the victim that runs now. */
async function target(): Promise<LiveAttempt> {
  const { rows } = await owner.query<{ id: string; epoch: string }>(
    "SELECT attempt_id AS id, epoch FROM live_attempts WHERE project_id = $1",
    [victim.projectId],
  );
  const [row] = rows;
  if (row === undefined) throw new Error("the victim runs nothing");
  return { attempt: idFromUuid("att", row.id), epoch: Number(row.epoch) };
}

/** The golden body of a message with the victim's ids wherever ids stand, and with more of them at every depth. */
function aimed(value: unknown, at: LiveAttempt): unknown {
  if (Array.isArray(value)) {
    const [first] = value;
    if (value.length === 2 && typeof first === "string" && first.startsWith("att_")) return [at.attempt, at.epoch];
    return value.map((one) => aimed(one, at));
  }
  if (typeof value !== "object" || value === null) return value;
  const { params, projectId } = victim;
  const body: Record<string, unknown> = {};
  for (const [key, one] of Object.entries(value)) {
    if (key === "attempt") body[key] = at.attempt;
    else if (key === "epoch") body[key] = at.epoch;
    else body[key] = aimed(one, at);
  }
  const foreign = {
    project: "other",
    projectId,
    project_id: projectId,
    pool: "default",
    run: params["run"],
    runId: params["run"],
  };
  return { ...foreign, ...body, agentId: params["agent"], session: 1 };
}

const messages = Object.keys(agentFrameSchemas);

test.each(messages)("a message %s about the work of another project changes nothing there", async (type) => {
  const at = await target();
  const { b: golden } = JSON.parse(readFileSync(new URL(`agent.${type}.json`, fixtures), "utf8")) as { b: unknown };
  const client = await live(stranger, server.url);
  client.frames.splice(0);
  client.sendAny(type, aimed(golden, at));
  // A second hello, an inventory out of its turn and foreign attempts end the connection; others are answered.
  const answer = await client.until("an answer or the end", () => client.closed ?? client.frames[0] ?? asked(client));
  expect(answer).toBeDefined();
  client.socket.terminate();
  await client.end();
  await unchanged();
});

/** For messages that nobody answers: a question behind them that is answered when they have been handled. */
const questions = new WeakSet<AgentClient>();
function asked(client: AgentClient): undefined {
  if (questions.has(client)) return undefined;
  questions.add(client);
  client.send("confirm", { n: 9, attempts: [] });
  return undefined;
}

test("what was said of another's attempt is kept as a security event of the sender's project", async () => {
  const { rows } = await owner.query<{ project: string; frames: string[] }>(
    `SELECT p.name AS project, array_agg(DISTINCT e.evidence ->> 'frame') AS frames FROM security_events e
       JOIN projects p ON p.id = e.project_id WHERE e.kind = 'foreign_attempt' GROUP BY 1`,
  );
  expect(rows.map((row) => row.project)).toEqual(["default"]);
  expect(rows[0]?.frames).toContain("report");
});

test("a body that names another project does not lead there: the path decides", async () => {
  const json = { ...headers, "content-type": "application/json" };
  const { params, projectId } = victim;
  const foreign = {
    project: "other",
    projectId,
    project_id: projectId,
    run: params["run"],
    runs: [params["run"]],
    ids: [params["run"]],
  };
  for (const [name, route] of routeTable.filter(
    ([, one]) => one.body !== undefined && one.path.includes("{project}"),
  )) {
    const path = filled(route.path, { project: "default" });
    const plain = { ...foreign, filter: { ...foreign, workflow: [params["workflow"]] }, workflow: params["workflow"] };
    const { status, text } = await raw(server.url, route.method, path, json, JSON.stringify(plain));
    // Unknown fields are refused; a route whose thing is not there says that first.
    expect([400, 404], `${name}: ${status} ${text}`).toContain(status);
  }
  await unchanged();
});

test("an action on many runs finds those of its project alone", async () => {
  const { params, canary } = victim;
  const json = { ...headers, "content-type": "application/json" };
  const filters: readonly object[] = [
    { workflow: [params["workflow"]] },
    { label: [`note:${canary}`] },
    { state: ["queued", "running", "succeeded", "cancelled"] },
    { createdAfter: "2000-01-01T00:00:00Z" },
  ];
  const bulk = routeTable.filter(([, route]) => route.path.includes("/runs/actions/"));
  expect(bulk.length).toBe(3);
  for (const [, route] of bulk) {
    for (const filter of filters) {
      const body = JSON.stringify({ filter });
      const { status, text } = await raw(
        server.url,
        route.method,
        filled(route.path, { project: "default" }),
        json,
        body,
      );
      expect([status, text]).toEqual([200, expect.stringContaining('"count":0')]);
      expect(text).not.toContain(canary);
    }
  }
  for (const workflow of [params["workflow"] ?? ""]) {
    const batch = JSON.stringify({ runs: [{}, {}] });
    const { status } = await raw(
      server.url,
      "POST",
      `/api/v1/projects/default/workflows/${workflow}/runs/batch`,
      json,
      batch,
    );
    expect(status).toBe(404);
  }
  await unchanged();
});

test("a source that names the workflow of another project starts nothing there", async () => {
  const child = victim.params["workflow"] ?? "";
  const names = [child, `other/${child}`, `${victim.projectId}/${child}`];
  for (const [index, name] of names.entries()) {
    const source = `version: 1\nname: parent_${index}\ntasks: { call: { workflow: "${name}" } }\n`;
    const deployed = await server.call("POST", "/projects/default/deploys", {
      documents: [{ file: "w.yaml", source }],
    });
    expect([200, 422]).toContain(deployed.status);
    if (deployed.status === 200)
      await made(ground, "POST", `/projects/default/workflows/parent_${index}/runs?wait=5s`, {});
  }
  await unchanged();
});

async function unchanged(): Promise<void> {
  expect(changedTables(before, await rowsOf(owner, victim.projectId))).toEqual([]);
}
