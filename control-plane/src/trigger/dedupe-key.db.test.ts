// `dedupeKey` of a request for a run, over HTTP.
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const server = await serverFixture(await cloneDatabase());
afterAll(() => server.close());
const P = "/projects/default";
await server.deploy(
  "version: 1\nname: load\ninputs: { n: { type: integer, default: 1 } }\ntasks: { a: { wait: 1h } }\n",
);
const start = (body: unknown, query = "", headers = {}) =>
  server.call("POST", `${P}/workflows/load/runs${query}`, body, headers);
const cancel = (id: unknown) => server.call("POST", `${P}/runs/${String(id)}/actions/cancel`, { force: true });

test("twenty clients with one key get one run: one made it, the others see it", async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => start({ dedupeKey: "nightly", inputs: { n } })),
  );
  expect(new Set(answers.map(({ body }) => body["id"])).size).toBe(1);
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([...Array<number>(19).fill(200), 202]);
  const made = answers.find(({ status }) => status === 202);
  const other = answers.find(({ status }) => status === 200);
  expect(other?.headers.get("location")).toBe(made?.headers.get("location"));
  // Of those who see it: the inputs are those of the run, not theirs.
  expect(other?.body).toMatchObject({ name: made?.body["name"], inputs: made?.body["inputs"], endedAt: null });
  expect(await start({ dedupeKey: "nightly" }, "?wait=1ms")).toMatchObject({ status: 200, body: { endedAt: null } });

  await cancel(made?.body["id"]);
  const next = await start({ dedupeKey: "nightly" });
  expect([next.status, next.body["id"] === made?.body["id"]]).toEqual([202, false]);
  expect((await start({})).status).toBe(202);
});

test("a repeat by its Idempotency-Key has the run that it was answered with, also after its end", async () => {
  const { body } = await start({ dedupeKey: "once" });
  const key = { "idempotency-key": "dedupe-17" };
  expect(await start({ dedupeKey: "once" }, "", key)).toMatchObject({ status: 200, body: { id: body["id"] } });
  await cancel(body["id"]);
  const again = await start({ dedupeKey: "once" }, "", key);
  expect(again.body["id"]).toBe(body["id"]);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
});

test.each(["", "x".repeat(256), 7, null])("%j is no dedupe key", async (dedupeKey) => {
  expect(await start({ dedupeKey })).toMatchObject({ status: 400, body: { code: "malformed" } });
});

test("a key of another project's workflow of the same name is another key", async () => {
  await server.call("POST", "/projects", { name: "sales" });
  const source = "version: 1\nname: load\ntasks: { a: { wait: 1h } }\n";
  await server.call("POST", "/projects/sales/deploys", { documents: [{ file: "w.yaml", source }] });
  const answers = [
    await start({ dedupeKey: "shared" }),
    await server.call("POST", "/projects/sales/workflows/load/runs", { dedupeKey: "shared" }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([202, 202]);
});
