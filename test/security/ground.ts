// Two projects on one server, each with something of every kind whose names hold a canary, for the classes of attack.
import { createHash } from "node:crypto";
import { request, type IncomingHttpHeaders } from "node:http";
import pg from "pg";
import { afterAll, expect, vi } from "vitest";
import {
  agentPaths,
  permissions,
  roleAllows,
  routeParams,
  routes,
  type EnrolAnswer,
  type NonceAnswer,
  type Permission,
  type Role,
  type Route,
  type RouteName,
} from "@capstan/proto";
import {
  AgentClient,
  assertion,
  enrolRequest,
  heartbeat,
  hello,
  testKey,
  type TestKey,
} from "../../control-plane/src/testing/agent-client.ts";
import { serverFixture, type ServerFixture } from "../../control-plane/src/testing/server-fixture.ts";
import { cloneDatabase } from "../support/database.ts";
import { until } from "../support/until.ts";

/** Every route with its name, from the table that the server's router is made of. */
export const routeTable = Object.entries(routes) as readonly (readonly [RouteName, Route])[];

/** What project_admin has in a project: all scopes that a token may be given. */
export const allScopes = (Object.keys(permissions) as Permission[]).filter((one) => roleAllows("project_admin", one));

export interface Ground {
  readonly server: ServerFixture;
  readonly owner: pg.Client;
  readonly databaseUrl: string;
}

/** A server of this file's own; it goes when the tests of the file are done. */
export async function makeGround(settings: Readonly<Record<string, string>> = {}): Promise<Ground> {
  // Thousands of requests each; how long a busy machine takes for them is nobody's fault.
  vi.setConfig({ testTimeout: 240_000 });
  const database = await cloneDatabase();
  const server = await serverFixture(database, {
    CAPSTAN_LIMITS__API_PER_SECOND: "0",
    CAPSTAN_LIMITS__SIGN_INS_PER_MINUTE: "0",
    CAPSTAN_LIMITS__SIGN_INS_OF_ACCOUNT_PER_MINUTE: "0",
    ...settings,
  });
  const owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
  afterAll(async () => {
    await server.close();
    await owner.end();
  });
  return { server, owner, databaseUrl: database.url };
}

/** A request as this machine's administrator that must succeed; gives the body of its answer. */
export async function made(
  { server }: Pick<Ground, "server">,
  method: string,
  path: string,
  body?: unknown,
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await server.call(method, path, body);
  expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
  return answer.body;
}

/** The token of a new service account with a role in a project. */
export async function tokenOf(
  ground: Pick<Ground, "server">,
  project: string,
  role: Role,
  name: string = `account-${role.replaceAll("_", "-")}`,
  scopes: readonly string[] = allScopes,
): Promise<string> {
  await made(ground, "POST", `/projects/${project}/service-accounts`, { name: `${project}-${name}`, role });
  const token = { name: "test", scopes, serviceAccount: `${project}-${name}` };
  return String((await made(ground, "POST", `/projects/${project}/tokens`, token))["token"]);
}

/** A path of the table with its parameters filled; one that is not given names nothing. */
export const filled = (path: string, params: Readonly<Record<string, string>> = {}): string =>
  routeParams(path).reduce((text, name) => text.replace(`{${name}}`, params[name] ?? "nothing-of-this-name"), path);

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty for a stream, which is cut. */
  readonly text: string;
}

/** One request with the path as it is written: fetch would tidy it up. */
export function raw(
  url: string,
  method: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string | Buffer,
): Promise<RawAnswer> {
  const { port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port,
        method,
        path: target,
        headers: {
          host: `127.0.0.1:${port}`,
          // Of a DELETE, Node says it neither by itself nor in chunks.
          ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
          ...headers,
        },
      },
      (answer) => {
        const { statusCode: status = 0 } = answer;
        if (answer.headers["content-type"]?.startsWith("text/event-stream") === true) {
          sent.destroy();
          return resolve({ status, headers: answer.headers, text: "" });
        }
        let text = "";
        answer
          .setEncoding("utf8")
          .on("data", (part: string) => (text += part))
          .on("end", () => resolve({ status, headers: answer.headers, text }));
      },
    );
    sent.on("error", reject).end(body);
  });
}

export interface Enrolled {
  readonly key: TestKey;
  readonly answer: EnrolAnswer;
  connectNo: number;
}

export async function nonceOf(url: string): Promise<NonceAnswer> {
  return (await (await fetch(url + agentPaths.nonce)).json()) as NonceAnswer; // by the route
}

export async function enrol(ground: Pick<Ground, "server">, project: string, name: string): Promise<Enrolled> {
  const { url } = ground.server;
  const joined = await made(ground, "POST", `/projects/${project}/pools/default/join-tokens`, {});
  const key = testKey("Ed25519");
  const request = enrolRequest(key, String(joined["token"]), (await nonceOf(url)).nonce, url, name);
  const answer = await fetch(url + agentPaths.enrol, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  expect(answer.status).toBe(200);
  return { key, answer: (await answer.json()) as EnrolAnswer, connectNo: 0 }; // by the route
}

/** The agent with an open connection that has greeted and may be offered work. @param url of one replica */
export async function live(agent: Enrolled, url: string): Promise<AgentClient> {
  const bearer = assertion(agent.key, agent.answer.agent, await nonceOf(url), url + agentPaths.socket);
  const client = new AgentClient(url, bearer);
  await client.open();
  client.send("hello", hello(agent.answer.agent, ++agent.connectNo));
  await client.next("welcome");
  client.send("ready", { abandoned: [] });
  client.send("heartbeat", heartbeat(1));
  await client.next("heartbeat.ack");
  return client;
}

/** A project with one thing of each kind, and what its names hold that nobody else may see. */
export interface Furnished {
  readonly project: string;
  readonly projectId: string;
  /** Values of the parameters of paths, all of this project. */
  readonly params: Readonly<Record<string, string>>;
  readonly agent: Enrolled;
  readonly client: AgentClient;
  readonly attempt: string;
  readonly canary: string;
}

const source = (canary: string): string => `version: 1
name: flow_${canary}
description: ${canary}
labels: { team: ${canary} }
triggers:
  - { id: nightly, schedule: { cron: "0 3 * * *" } }
  - { id: hook, webhook: {} }
tasks:
  work: { run: "echo ${canary}", outputs: { word: string } }
  ask: { approval: { title: "${canary}?", from: [role:project_admin] } }
`;

/** Furnishes a project, which is made unless it is `default`. @param canary lower-case letters, found nowhere else */
export async function furnish(ground: Ground, project: string, canary: string): Promise<Furnished> {
  const { server } = ground;
  const P = `/projects/${project}`;
  if (project !== "default") await made(ground, "POST", "/projects", { name: project });
  const workflow = `flow_${canary}`;
  const agent = await enrol(ground, project, `agent-${canary}`);
  const client = await live(agent, server.url);
  await made(ground, "POST", `${P}/deploys`, { documents: [{ file: "w.yaml", source: source(canary) }] });
  const run = await made(ground, "POST", `${P}/workflows/${workflow}/runs`, { labels: { note: canary } });
  const [offered] = (await client.next("offer")).attempts;
  if (offered === undefined) throw new Error("an empty offer");
  const { attempt, epoch } = offered;
  client.send("report", { items: [{ kind: "started", attempt, epoch, atMs: 1 }], free: 3, offers: 1 });
  await client.next("report.ack");
  const line = `s0 @1000\no1 ${canary}\n`;
  client.log(attempt, epoch, 0, line);
  client.log(attempt, epoch, line.length, "", { last: true });
  await client.next("log.ack");
  const log = { bytes: line.length, sha256: createHash("sha256").update(line).digest("hex"), gaps: 0 };
  const outputs = { word: canary };
  client.send("report", {
    items: [{ kind: "finish", attempt, epoch, outcome: "succeeded", outputs, summary: canary, log }],
    free: 4,
    offers: 1,
  });
  await client.next("report.ack");
  // One that runs on, so that an attempt is live.
  await made(ground, "POST", `${P}/workflows/${workflow}/runs`, {});
  const [second] = (await client.next("offer")).attempts;
  if (second === undefined) throw new Error("an empty offer");
  client.send("report", {
    items: [{ kind: "started", attempt: second.attempt, epoch: second.epoch, atMs: 1 }],
    free: 3,
    offers: 2,
  });
  await client.next("report.ack");
  await made(ground, "PUT", `${P}/variables/${canary}`, { value: canary });
  await made(ground, "PUT", `${P}/limits/${canary}`, { capacity: 3 });
  await made(ground, "POST", `${P}/service-accounts`, { name: `who-${canary}`, role: "viewer" });
  const token = await made(ground, "POST", `${P}/tokens`, {
    name: canary,
    scopes: ["runs:read"],
    serviceAccount: `who-${canary}`,
  });
  const endpoint = await made(ground, "POST", `${P}/endpoints`, {
    url: `https://${canary}.example.org/`,
    types: ["run.failed"],
    description: canary,
  });
  await made(ground, "POST", `${P}/webhooks/${workflow}.hook/actions/rotate`, {});
  const test = await made(ground, "POST", `${P}/webhooks/${workflow}.hook/actions/test`, { body: { word: canary } });
  await made(ground, "POST", `${P}/events`, { type: `of.${canary}`, data: canary });
  const join = await made(ground, "POST", `${P}/pools/default/join-tokens`, {});
  const backfill = await made(ground, "POST", `${P}/backfills`, {
    workflow,
    from: "2026-01-01T00:00:00Z",
    to: "2026-01-03T00:00:00Z",
  });
  await made(ground, "POST", `${P}/workflows/${workflow}/runs`, { labels: { gone: canary } });
  const cancelled = await made(ground, "POST", `${P}/runs/actions/cancel`, { filter: { label: [`gone:${canary}`] } });
  const endpointId = String((endpoint["endpoint"] as { id: string }).id); // of endpointCreate
  const message = await made(ground, "POST", `${P}/endpoints/${endpointId}/actions/test`);
  const found = await ground.owner.query<{ id: string }>("SELECT id FROM projects WHERE name = $1", [project]);
  const params = {
    project,
    workflow,
    run: String(run["id"]),
    task: "work",
    version: "1",
    name: "report.txt",
    user: `who-${canary}`,
    token: String(token["id"]),
    pool: "default",
    agent: agent.answer.agent,
    limit: canary,
    variable: canary,
    schedule: `${workflow}.nightly`,
    hook: "hook",
    secret: "nothing",
    trigger: `${workflow}.hook`,
    webhook: `${workflow}.hook`,
    delivery: String(test["id"] ?? test["delivery"]),
    endpoint: endpointId,
    message: String(message["id"]),
    backfill: String(backfill["backfill"]),
    operation: String(cancelled["operation"]),
    sha256: "0".repeat(64),
    joinToken: String(join["id"]),
  };
  return { project, projectId: String(found.rows[0]?.id), params, agent, client, attempt, canary };
}

/** Tables whose rows say when a loop of the server looked or tried last. */
const stirring = new Set(["backfills", "endpoint_deliveries"]);

/** The rows of a project once its agent is gone, whose silence would be noticed, and its loops have nothing left to do. */
export async function rowsAtRest(
  owner: pg.Client,
  { projectId, client }: Pick<Furnished, "projectId" | "client">,
): Promise<ReadonlyMap<string, string>> {
  client.socket.terminate();
  let last = await rowsOf(owner, projectId);
  let sinceMs = performance.now();
  return until("rest in the project", 60_000, async () => {
    const now = await rowsOf(owner, projectId);
    if (changedTables(last, now).length > 0) [last, sinceMs] = [now, performance.now()];
    return performance.now() - sinceMs > 500 ? now : undefined;
  });
}

/** Tables in which rows are not what they were. */
export const changedTables = (
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] => [...before].filter(([table, rows]) => after.get(table) !== rows).map(([table]) => table);

/** Every row of a project in every table that has one, by the catalogue; for "nothing was changed". */
export async function rowsOf(owner: pg.Client, projectId: string): Promise<ReadonlyMap<string, string>> {
  const tables = await owner.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'project_id'
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`,
  );
  const all = new Map<string, string>();
  for (const { name } of tables.rows.filter((row) => !stirring.has(row.name))) {
    const found = await owner.query<{ rows: string }>(
      `SELECT coalesce(string_agg(md5(t::text), ',' ORDER BY md5(t::text)), '') AS rows FROM ${name} t WHERE project_id = $1`,
      [projectId],
    );
    all.set(name, found.rows[0]?.rows ?? "");
  }
  return all;
}
