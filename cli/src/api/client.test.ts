import { createServer } from "node:http";
import { afterAll, expect, test } from "vitest";
import { exitCodeOf } from "../exit-code.ts";
import { Client } from "./client.ts";
import { ProblemError } from "./problem.ts";

const value = { name: "region", value: "eu", updatedAt: "2026-11-28T10:04:31.412Z", updatedBy: "local" };
let current = '"first"';
const server = createServer((request, response) => {
  const { method = "", headers } = request;
  request.resume();
  if (request.url?.endsWith("/absent") === true && method === "GET") return void response.writeHead(404).end();
  const isNew = request.url?.endsWith("/absent") === true && headers["if-none-match"] === "*";
  if (method === "GET" || isNew || headers["if-match"] === current)
    return void response
      .writeHead(200, { etag: current, "content-type": "application/json" })
      .end(JSON.stringify(value));
  const document = {
    type: "urn:x",
    title: "changed",
    status: 412,
    detail: "changed",
    instance: "/",
    code: "precondition_failed",
  };
  response.writeHead(412).end(JSON.stringify({ ...document, retryable: false, requestId: "req_1" }));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
afterAll(() => server.close());
const address = server.address();
const port = typeof address === "object" && address !== null ? address.port : 0;
const client = new Client({ server: `http://127.0.0.1:${port}`, token: "t", project: "default" });

test("a change shows the edition that was read, and one that is not the newest any more ends with 6", async () => {
  const params = { variable: "region" };
  const seen = await client.seen("variableGet", { params });
  expect(await client.call("variableSet", { params, body: { value: "eu" }, seen })).toEqual(value);
  current = '"second"';
  const late = await client.call("variableDelete", { params, seen }).then(
    () => undefined,
    (error: unknown) => (error instanceof ProblemError ? error.problem : undefined),
  );
  expect(late).toMatchObject({ code: "precondition_failed", status: 412 });
  expect(exitCodeOf(late?.code ?? "", late?.status)).toBe(6);
});

test("what is not there is made as something new", async () => {
  const params = { variable: "absent" };
  const seen = await client.seen("variableGet", { params });
  expect(await client.call("variableSet", { params, body: { value: "eu" }, seen })).toEqual(value);
});

/** Calls that must not compile, each for its own reason; the check of types fails where one of them does. */
export const refused = async (calls: Client): Promise<void> => {
  await calls.call("runStart", { params: { workflow: "hello" }, body: { inputs: {} } });
  // @ts-expect-error a route that is not in the table
  await calls.call("runBegin", {});
  // @ts-expect-error a part of the path that is missing
  await calls.call("runGet");
  // @ts-expect-error a part of the path that the route does not have
  await calls.call("runGet", { params: { workflow: "hello" } });
  // @ts-expect-error a body that is missing
  await calls.call("projectCreate", {});
  // @ts-expect-error a field of the body that is missing
  await calls.call("projectCreate", { body: {} });
  // @ts-expect-error a field of the body that the route does not take
  await calls.call("projectCreate", { body: { name: "sales", owner: "ana" } });
  // @ts-expect-error a value of another type
  await calls.call("limitSet", { params: { limit: "db" }, body: { capacity: "4" } });
  // @ts-expect-error a body where the route takes none
  await calls.call("runGet", { params: { run: "hello-1" }, body: {} });
  // @ts-expect-error a filter that the list does not know
  await calls.call("runList", { query: { sate: ["failed"] } });
  // @ts-expect-error a removal that does not show what was seen
  await calls.call("variableDelete", { params: { variable: "region" } });
  // @ts-expect-error an edition where the route has no precondition
  await calls.call("agentRevoke", { params: { agent: "a" }, seen: '"x"' });
  const run = await calls.call("runGet", { params: { run: "hello-1" } });
  // @ts-expect-error a field of the answer that is not there
  void run.status;
};
