// C12, SQL injection. That no statement is put together from values is held by test/architecture.test.ts; here every
// parameter, filter, sort key and field is given what would break out of one.
import { afterAll, beforeAll, expect, test } from "vitest";
import { bodyOf, queryKeys } from "./bodies.ts";
import { filled, furnish, makeGround, raw, routeTable, tokenOf, type Furnished } from "./ground.ts";

const ground = await makeGround();
const { server, owner } = ground;
let mine: Furnished;
let headers: Readonly<Record<string, string>>;
beforeAll(async () => {
  mine = await furnish(ground, "other", "wagtail");
  headers = { authorization: `Bearer ${await tokenOf(ground, "other", "project_admin", "tester")}` };
  await owner.query("CREATE TABLE canary (id int)");
}, 120_000);
afterAll(() => mine.client.socket.terminate());

/** Longer than anything that is asked here may take. */
const sleepSeconds = 60;
const payloads = [
  "'",
  '"',
  `'; DROP TABLE canary; --`,
  `1; SELECT pg_sleep(${sleepSeconds})--`,
  `'||(SELECT pg_sleep(${sleepSeconds}))||'`,
  `") OR pg_sleep(${sleepSeconds}) IS NULL --`,
  "9223372036854775808",
  "2026-13-45T99:00:00Z",
  "\uD800",
  "a\0b",
  "x".repeat(3000),
];

async function ask(method: string, path: string, body?: unknown): Promise<string | undefined> {
  const startMs = performance.now();
  const sent = body === undefined ? headers : { ...headers, "content-type": "application/json" };
  const { status, text } = await raw(
    server.url,
    method,
    path,
    sent,
    body === undefined ? undefined : JSON.stringify(body),
  );
  const tookMs = performance.now() - startMs;
  if (status >= 500) return `${method} ${path} ${JSON.stringify(body)}: ${status} ${text}`;
  return tookMs > (sleepSeconds * 1000) / 2 ? `${method} ${path}: ${tookMs} ms` : undefined;
}
const untouched = async (): Promise<void> => {
  const { rows } = await owner.query<{ name: string | null }>("SELECT to_regclass('public.canary')::text AS name");
  expect(rows[0]?.name).toBe("canary");
};

test("no parameter of a path is anything but a value", async () => {
  const wrong: (string | undefined)[] = [];
  for (const [, route] of routeTable) {
    for (const [, key = ""] of route.path.matchAll(/\{(\w+)\}/g)) {
      for (const payload of payloads) {
        const value = encodeURIComponent(payload.toWellFormed());
        // With a body that is refused: what is looked for first is what the path names.
        wrong.push(
          await ask(route.method, filled(route.path, { ...mine.params, [key]: value }), route.body && { notAField: 1 }),
        );
      }
    }
  }
  expect(wrong.filter((one) => one !== undefined)).toEqual([]);
  await untouched();
});

test("no key of a query is anything but a value", async () => {
  const wrong: (string | undefined)[] = [];
  for (const [name, route] of routeTable.filter(([, { method }]) => method === "GET")) {
    const known = queryKeys(route);
    for (const key of new Set([...known, "sort", "order"])) {
      // A key that no route has is refused before anybody looks at its value.
      for (const payload of known.includes(key) ? payloads : payloads.slice(0, 2)) {
        const value = encodeURIComponent(payload.toWellFormed());
        if (name !== "oidcCallback") wrong.push(await ask("GET", `${filled(route.path, mine.params)}?${key}=${value}`));
      }
    }
  }
  expect(wrong.filter((one) => one !== undefined)).toEqual([]);
  await untouched();
});

test("no field of a body is anything but a value", async () => {
  const wrong: (string | undefined)[] = [];
  for (const [, route] of routeTable.filter(([, { body }]) => body !== undefined)) {
    for (const payload of payloads)
      wrong.push(await ask(route.method, filled(route.path, mine.params), bodyOf(route, payload)));
  }
  expect(wrong.filter((one) => one !== undefined)).toEqual([]);
  await untouched();
});
