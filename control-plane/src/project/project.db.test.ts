// One project: what is said about it, and who may say it.
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const server = await serverFixture(await cloneDatabase());
afterAll(() => server.close());
const P = "/projects/default";
const get = (headers = {}, project = P) => server.call("GET", project, undefined, headers);
const patch = (body: unknown, headers = {}, project = P) => server.call("PATCH", project, body, headers);
const tagOf = async (): Promise<string> => (await get()).headers.get("etag") ?? "";

async function tokenOf(role: string, scopes: readonly string[]): Promise<{ readonly authorization: string }> {
  await server.call("POST", `${P}/service-accounts`, { name: `a-${role.replace("_", "-")}`, role });
  const { status, body } = await server.call("POST", `${P}/tokens`, {
    name: "test",
    scopes,
    serviceAccount: `a-${role.replace("_", "-")}`,
  });
  expect([status, body["detail"]]).toEqual([201, undefined]);
  return { authorization: `Bearer ${String(body["token"])}` };
}

test("of two editors who saw the same one is refused; what is left out and what is so already changes nothing", async () => {
  const first = await get();
  expect(first).toMatchObject({ status: 200, body: { name: "default", description: "", role: "project_admin" } });
  const tag = await tagOf();
  expect(await patch({ description: "what the shop sells" })).toMatchObject({
    status: 428,
    body: { code: "precondition_required" },
  });
  const answers = await Promise.all(
    ["what the shop sells", "and what it buys"].map((description) => patch({ description }, { "if-match": tag })),
  );
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412]);
  const won = answers.find(({ status }) => status === 200);
  const now = await get();
  expect(now.body).toEqual(won?.body);
  expect(now.headers.get("etag")).toBe(won?.headers.get("etag"));
  expect(answers.find(({ status }) => status === 412)?.headers.get("etag")).toBe(now.headers.get("etag"));
  // A repeat, whose first answer was lost.
  const { description } = now.body;
  expect(await patch({ description }, { "if-match": tag })).toMatchObject({ status: 200, body: { description } });
  expect(await patch({}, { "if-match": tag })).toMatchObject({ status: 200, body: { description } });
  const trail = await server.call("GET", `${P}/audit?action=project:write&count=1`);
  expect(trail.body).toMatchObject({
    total: 1,
    data: [{ actor: "local", subject: "default", detail: { description, before: "" } }],
  });
});

test("its name stays, and a description is a text of at most 500 characters", async () => {
  const seen = { "if-match": "*" };
  for (const body of [{ name: "other" }, { description: 7 }, { description: "x".repeat(501) }, { description: null }])
    expect([body, (await patch(body, seen)).body["code"]]).toEqual([body, "malformed"]);
  expect((await patch({ description: "" }, seen)).body).toMatchObject({ name: "default", description: "" });
});

test("members see it, project_admins change it, and to all others it is not there", async () => {
  const scopes = ["workflows:read", "project:write"];
  const deployer = await tokenOf("deployer", scopes);
  expect((await get(deployer)).body).toMatchObject({ name: "default", role: "deployer" });
  const refused = await patch({ description: "mine" }, { ...deployer, "if-match": "*" });
  expect(refused).toMatchObject({
    status: 403,
    body: { code: "forbidden", evidence: { permission: "project:write" } },
  });
  const admin = await tokenOf("project_admin", scopes);
  expect((await patch({ description: "ours" }, { ...admin, "if-match": "*" })).status).toBe(200);

  await server.call("POST", "/projects", { name: "sales" });
  expect((await get(admin, "/projects/sales")).status).toBe(404);
  expect((await patch({ description: "mine" }, { ...admin, "if-match": "*" }, "/projects/sales")).status).toBe(404);
  expect((await get({}, "/projects/sales")).body).toMatchObject({ name: "sales", description: "" });
  expect((await get({}, "/projects/nowhere")).status).toBe(404);
});
