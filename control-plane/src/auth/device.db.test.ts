// Sign-in of a command line by a code that a person confirms in a browser.
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture } from "../testing/server-fixture.ts";
import { Browser } from "../../../test/support/identity-provider.ts";

const database = await cloneDatabase();
const server = await serverFixture(database, { CAPSTAN_LIMITS__SIGN_INS_PER_MINUTE: "0" });
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await server.close();
  await owner.end();
});

const machine = server.token;
const password = "correct horse battery staple";

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}
const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});
const read = async (answer: Response): Promise<Answer> => {
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? {} : (JSON.parse(text) as Answer["body"]) };
};
const program = async (target: string, body: unknown, headers: Record<string, string> = {}) =>
  read(await fetch(server.url + target, post(body, headers)));
const begin = async () => (await program("/auth/device", { client: "capstan 1 on <b>laptop</b>" })).body;
const ask = (deviceCode: unknown) => program("/auth/device/token", { deviceCode });
const decide = async (browser: Browser, userCode: unknown, decision: string) =>
  read(await browser.send(`${server.url}/auth/device/decision`, post({ userCode, decision }, { origin: server.url })));
const me = (token: unknown) =>
  fetch(`${server.url}/api/v1/me`, { headers: { authorization: `Bearer ${String(token)}` } });

const ana = new Browser();
beforeAll(async () => {
  const made = await program("/api/v1/users", { name: "ana" }, { authorization: `Bearer ${machine}` });
  const token = new URLSearchParams(new URL(String(made.body["url"])).hash.slice(1)).get("invitation");
  await ana.send(`${server.url}/auth/invitation`, post({ token, password }, { origin: server.url }));
  await fetch(`${server.url}/api/v1/projects/default/members/ana`, {
    ...post({ role: "deployer" }, { authorization: `Bearer ${machine}` }),
    method: "PUT",
  });
});

test("a code that its person confirms signs the program in as them, once", async () => {
  const started = await begin();
  expect(started["userCode"]).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
  expect(await ask(started["deviceCode"])).toEqual({ status: 200, body: { state: "pending", intervalMs: 2_000 } });
  const page = await (await ana.send(String(started["verificationUriComplete"]))).text();
  expect(page).toContain(String(started["userCode"]));
  expect(page).toContain("capstan 1 on &lt;b&gt;laptop&lt;/b&gt;");
  expect(await decide(ana, String(started["userCode"]).toLowerCase().replace("-", " "), "approve")).toMatchObject({
    status: 204,
  });
  const done = await ask(started["deviceCode"]);
  expect(done.body).toMatchObject({ state: "signed_in", user: "ana" });
  const mine = await read(await me(done.body["token"]));
  expect(mine.body).toMatchObject({ user: { name: "ana", kind: "person" } });
  expect((await ask(started["deviceCode"])).body["code"]).toBe("token_expired");
  expect((await decide(ana, started["userCode"], "approve")).body["code"]).toBe("not_found");
});

test("twenty programs that fetch one sign-in get one", async () => {
  const started = await begin();
  await decide(ana, started["userCode"], "approve");
  const all = await Promise.all(Array.from({ length: 20 }, () => ask(started["deviceCode"])));
  expect(all.filter(({ body }) => body["state"] === "signed_in")).toHaveLength(1);
});

test("a refused code signs nobody in, and a code that nobody has is told to the one who asks", async () => {
  const started = await begin();
  await decide(ana, started["userCode"], "deny");
  expect((await ask(started["deviceCode"])).body["code"]).toBe("sign_in_refused");
  expect((await decide(ana, "BCDF-GHJK", "approve")).body["code"]).toBe("not_found");
  expect((await decide(ana, "'; DROP TABLE", "approve")).body["code"]).toBe("not_found");
  expect((await ask("capstan_device_x")).body["code"]).toBe("token_expired");
});

test("only a person in a browser who has just signed in lets a program in", async () => {
  const started = await begin();
  const body = { userCode: started["userCode"], decision: "approve" };
  expect((await program("/auth/device/decision", body)).status).toBe(401);
  const byToken = await program("/auth/device/decision", body, { authorization: `Bearer ${machine}` });
  expect(byToken.body["code"]).toBe("reauth_required");
  const elsewhere = await ana.send(
    `${server.url}/auth/device/decision`,
    post(body, { origin: "https://evil.example" }),
  );
  expect((await read(elsewhere)).body["code"]).toBe("origin_refused");
  const nobody = await new Browser().send(String(started["verificationUriComplete"]));
  expect(nobody.headers.get("location")).toBe(`/login?return=%2Fauth%2Fdevice%3Fcode%3D${String(started["userCode"])}`);
  expect((await ask(started["deviceCode"])).body["state"]).toBe("pending");
});

test("a program that asks too often is told to ask less", async () => {
  const started = await begin();
  await ask(started["deviceCode"]);
  expect((await ask(started["deviceCode"])).body).toEqual({ state: "pending", intervalMs: 7_000 });
});

test("a code ends, and what was signed in ends with its user", async () => {
  const late = await begin();
  await owner.query("UPDATE device_codes SET expires_at = clock_timestamp() - interval '1 second'");
  expect((await ask(late["deviceCode"])).body["code"]).toBe("token_expired");
  const started = await begin();
  await decide(ana, started["userCode"], "approve");
  await owner.query("UPDATE users SET disabled_at = clock_timestamp() WHERE name = 'ana'");
  expect((await ask(started["deviceCode"])).body["code"]).toBe("sign_in_refused");
  await owner.query("UPDATE users SET disabled_at = NULL WHERE name = 'ana'");
});

test("its sign-in is no cookie, needs a new one after twelve hours for what is marked so, and is ended by logout", async () => {
  const started = await begin();
  await decide(ana, started["userCode"], "approve");
  const token = String((await ask(started["deviceCode"])).body["token"]);
  expect((await fetch(`${server.url}/api/v1/me`, { headers: { cookie: `capstan=${token}` } })).status).toBe(401);
  const deploy = (shown: string) =>
    program(
      "/api/v1/projects/default/deploys",
      { documents: [{ file: "w.yaml", source: "version: 1\nname: w\ntasks: { a: { run: echo } }\n" }] },
      { authorization: `Bearer ${shown}`, "idempotency-key": crypto.randomUUID() },
    );
  expect((await deploy(token)).status).toBe(200);
  const second = await begin();
  await decide(ana, second["userCode"], "approve");
  await owner.query("UPDATE device_codes SET signed_in_at = clock_timestamp() - interval '13 hours'");
  const old = String((await ask(second["deviceCode"])).body["token"]);
  expect((await deploy(old)).body["code"]).toBe("reauth_required");
  expect((await me(old)).status).toBe(200);
  expect((await fetch(`${server.url}/auth/logout`, post({}, { authorization: `Bearer ${token}` }))).status).toBe(204);
  expect((await me(token)).status).toBe(401);
  expect((await me(old)).status).toBe(200);
});

test("sign-ins and refusals are in the audit trail, and no code is", async () => {
  const { rows } = await owner.query<{ action: string; actor: string; detail: unknown }>(
    "SELECT action, actor, detail FROM audit_records WHERE project_id = '00000000-0000-0000-0000-000000000000' AND action LIKE 'sign_in%'",
  );
  const actions = rows.map(({ action }) => action);
  expect(actions).toContain("sign_in:device_approved");
  expect(actions).toContain("sign_in:device_denied");
  expect(rows).toContainEqual(
    expect.objectContaining({
      action: "sign_in",
      actor: "user:ana",
      detail: expect.objectContaining({ by: "device", kind: "cli", client: "capstan 1 on <b>laptop</b>" }) as unknown,
    }),
  );
  expect(JSON.stringify(rows)).not.toMatch(
    /capstan_(?:device|cli)_|[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}/,
  );
});
