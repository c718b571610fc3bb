// Editors who do not see each other: of two changes to what both saw one is refused, and nothing is lost unseen.
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture, type Answer } from "../testing/server-fixture.ts";

const server = await serverFixture(await cloneDatabase());
afterAll(() => server.close());
const P = "/projects/default";
const call = (method: string, path: string, body?: unknown, headers = {}): Promise<Answer> =>
  server.call(method, `${P}${path}`, body, headers);
const statuses = (answers: readonly Answer[]): readonly number[] =>
  answers.map(({ status }) => status).toSorted((a, b) => a - b);
const tagOf = async (path: string): Promise<string> => {
  const { status, headers } = await call("GET", path);
  expect([path, status]).toEqual([path, 200]);
  return headers.get("etag") ?? "";
};
await server.deploy("version: 1\nname: job\ntasks: { a: { wait: 1ms } }\n");
const isMade = async (done: Promise<Answer>): Promise<Readonly<Record<string, unknown>>> => {
  const { status, body } = await done;
  expect([status, body["detail"]]).toEqual([status < 300 ? status : 200, undefined]);
  return body;
};
const endpoint = (await isMade(call("POST", "/endpoints", { url: "https://a.example/x", types: ["run.failed"] })))[
  "endpoint"
] as { readonly id: string }; // of endpointCreate
await isMade(call("PUT", "/variables/region", { value: "eu" }));
await isMade(call("PUT", "/limits/db", { capacity: 1 }));
await isMade(call("POST", "/service-accounts", { name: "etl", role: "viewer" }));

/** Two changes of each thing that has a PUT. */
const changes = [
  ["/variables/region", { value: "us" }, { value: "ap" }],
  ["/limits/db", { capacity: 2 }, { capacity: 3, perMs: 60_000 }],
  ["/members/etl", { role: "operator" }, { role: "author" }],
] as const;
const removable = ["/variables/region", "/limits/db", "/members/etl", `/endpoints/${endpoint.id}`, "/workflows/job"];

test.each(changes)(
  "%s: of two editors who saw the same one is refused, and the other's change stays",
  async (path, ...bodies) => {
    const tag = await tagOf(path);
    const answers = await Promise.all(bodies.map((body) => call("PUT", path, body, { "if-match": tag })));
    expect(statuses(answers)).toEqual([200, 412]);
    const won = answers.findIndex(({ status }) => status === 200);
    const now = await tagOf(path);
    expect(answers[won]?.headers.get("etag")).toBe(now);
    const lost = answers[1 - won];
    expect(lost?.headers.get("etag")).toBe(now);
    expect(lost?.body).toMatchObject({ code: "precondition_failed", evidence: { etag: now } });
    expect((await call("GET", path)).body).toMatchObject(bodies[won] ?? {});
  },
);

test.each(changes)(
  "%s: a change that shows no edition is refused, one that asks for what is so is not",
  async (path, first, second) => {
    const tag = await tagOf(path);
    await isMade(call("PUT", path, first, { "if-match": tag }));
    expect(await call("PUT", path, second)).toMatchObject({ status: 428, body: { code: "precondition_required" } });
    // The answer of the first was lost, and its client asks again with what it saw then.
    const again = await call("PUT", path, first, { "if-match": tag });
    expect([again.status, again.headers.get("etag")]).toEqual([200, await tagOf(path)]);
    expect((await call("PUT", path, second, { "if-match": "*" })).status).toBe(200);
  },
);

test.each([
  ["variables", { value: "1" }, { value: "2" }],
  ["limits", { capacity: 1 }, { capacity: 2 }],
])("of two who make the same of %s one is refused", async (kind, ...bodies) => {
  const answers = await Promise.all(
    bodies.map((body) => call("PUT", `/${kind}/fresh`, body, { "if-none-match": "*" })),
  );
  expect(statuses(answers)).toEqual([200, 412]);
  expect(await call("PUT", `/${kind}/absent`, bodies[0], { "if-match": '"x"' })).toMatchObject({ status: 412 });
  expect((await call("GET", `/${kind}/absent`)).status).toBe(404);
});

test("a read of what the caller has already is answered without a body, where the tag stands for all of it", async () => {
  for (const path of ["/variables/region", "/members/etl"]) {
    const tag = await tagOf(path);
    const same = await call("GET", path, undefined, { "if-none-match": `"other", W/${tag}` });
    expect([same.status, same.body, same.headers.get("etag")]).toEqual([304, {}, tag]);
    expect((await call("GET", path, undefined, { "if-none-match": '"other"' })).status).toBe(200);
  }
  const tag = await tagOf("/limits/db");
  expect((await call("GET", "/limits/db", undefined, { "if-none-match": tag })).status).toBe(200);
});

test("a run that begins and ends leaves the tag of its workflow as it was, a pause does not", async () => {
  const tag = await tagOf("/workflows/job");
  await isMade(call("POST", "/workflows/job/runs?wait=20s", {}));
  expect(await tagOf("/workflows/job")).toBe(tag);
  await call("POST", "/workflows/job/actions/pause", {});
  expect(await tagOf("/workflows/job")).not.toBe(tag);
  await call("POST", "/workflows/job/actions/resume", {});
  expect(await tagOf("/workflows/job")).toBe(tag);
});

test("a workflow that another one starts stays; one that nobody needs goes, and its runs stay", async () => {
  await server.deploy("version: 1\nname: child\ntasks: { a: { wait: 1ms } }\n");
  await server.deploy("version: 1\nname: parent\ntasks: { a: { workflow: child } }\n");
  const run = String((await isMade(call("POST", "/workflows/parent/runs?wait=20s", {})))["name"]);
  expect(await call("DELETE", "/workflows/child", undefined, { "if-match": "*" })).toMatchObject({
    status: 409,
    body: { code: "in_use", evidence: { workflows: ["parent"] } },
  });
  for (const name of ["parent", "child"]) {
    const tag = await tagOf(`/workflows/${name}`);
    expect((await call("DELETE", `/workflows/${name}`, undefined, { "if-match": tag })).status).toBe(204);
    expect((await call("GET", `/workflows/${name}`)).status).toBe(404);
    expect((await call("POST", `/workflows/${name}/runs`, {})).status).toBe(404);
  }
  expect((await call("GET", `/runs/${run}`)).body).toMatchObject({ name: run, state: "succeeded" });
});

test.each(removable)("%s: a removal shows the edition that it removes, and happens once", async (path) => {
  const tag = await tagOf(path);
  expect(await call("DELETE", path)).toMatchObject({ status: 428, body: { code: "precondition_required" } });
  const stale = await call("DELETE", path, undefined, { "if-match": '"of-long-ago"' });
  expect([stale.status, stale.headers.get("etag")]).toEqual([412, tag]);
  const both = await Promise.all([1, 2].map(() => call("DELETE", path, undefined, { "if-match": tag })));
  expect(statuses(both)).toEqual([204, 404]);
});
