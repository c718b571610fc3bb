// Users of the installation: invited by a system admin, signed in by a password that they alone know.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { Browser } from "../../../test/support/identity-provider.ts";
import { until } from "../../../test/support/until.ts";
import { readConfig } from "../config.ts";
import { startServer } from "../server.ts";

const folder = mkdtempSync(path.join(tmpdir(), "capstan-users-"));
const database = await cloneDatabase();
const start = async (port: string, limits: Record<string, string>) =>
  startServer({
    config: readConfig({
      CAPSTAN_DATABASE_URL: database.url,
      CAPSTAN_HTTP__PORT: port,
      CAPSTAN_DATA_DIR: folder,
      CAPSTAN_CONSOLE__URL: "http://127.0.0.1:9",
      ...limits,
    }),
    log: pino({ level: "silent" }),
    version: "0.0.0",
    signal: new AbortController().signal,
  });
const server = await start("0", {
  CAPSTAN_LIMITS__SIGN_INS_PER_MINUTE: "0",
  CAPSTAN_LIMITS__SIGN_INS_OF_ACCOUNT_PER_MINUTE: "0",
});
/** Another replica, with the limits as they are out of the box. */
const limited = await start("0", {});
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await limited.close();
  await server.close();
  await owner.end();
  rmSync(folder, { recursive: true, force: true });
});

const token = readFileSync(path.join(folder, "keys", "local"), "utf8");
interface Answer {
  readonly status: number;
  readonly body: { readonly [key in "code" | "url" | "user" | "state" | "detail"]?: string };
}
const read = async (answer: Response): Promise<Answer> => {
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? {} : (JSON.parse(text) as Answer["body"]) };
};
const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});
const admin = async (target: string, body: unknown = {}): Promise<Answer> =>
  read(await fetch(`${server.url}/api/v1${target}`, post(body, { authorization: `Bearer ${token}` })));
const sent = async (browser: Browser, target: string, body: unknown): Promise<Answer> =>
  read(await browser.send(`${server.url}${target}`, post(body, { origin: server.url })));
const tokenOf = (answer: Answer): string =>
  new URLSearchParams(new URL(answer.body.url ?? "").hash.slice(1)).get("invitation") ?? "";
const password = "correct horse battery staple";
const me = async (browser: Browser) => (await browser.send(`${server.url}/api/v1/me`)).status;

test("an invitation sets a password once and signs in, and then name and password do", async () => {
  const invited = await admin("/users", { name: "ana" });
  expect(invited.status).toBe(201);
  expect(invited.body.url).toMatch(/\/login#invitation=capstan_invitation_[0-9A-Za-z_]+&name=ana$/);
  const browser = new Browser();
  const accept = (text: string) => sent(browser, "/auth/invitation", { token: tokenOf(invited), password: text });
  expect(await accept("short")).toMatchObject({ status: 422, body: { code: "password_weak" } });
  expect(await accept("ana ana ana ana")).toMatchObject({ status: 422 });
  expect(await accept(password)).toMatchObject({ status: 200, body: { user: "ana" } });
  expect(await me(browser)).toBe(200);
  expect(await accept(password)).toMatchObject({ status: 401, body: { code: "token_expired" } });
  const other = new Browser();
  expect(await sent(other, "/auth/password", { name: " Ana ", password })).toMatchObject({ status: 200 });
  expect(await me(other)).toBe(200);
});

test("a name that is there and one that is not get the same answer", async () => {
  const answers = [];
  for (const body of [
    { name: "ana", password: "wrong" },
    { name: "nobody", password: "wrong" },
    { name: "local", password: "wrong" },
    { name: "' OR 1=1 --", password: "wrong" },
  ]) {
    const { status, body: problem } = await sent(new Browser(), "/auth/password", body);
    answers.push([status, problem.code, problem.detail]);
  }
  expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(
    new Set(['[401,"sign_in_refused","Name or password is wrong."]']),
  );
});

test("a name is given once, and only letters that cannot be taken for others", async () => {
  expect(await admin("/users", { name: "ana" })).toMatchObject({ status: 409, body: { code: "state_conflict" } });
  for (const name of ["Ana", "аnа", "a b", "../x", "", "-a", "a".repeat(80), "<b>"])
    expect((await admin("/users", { name })).status, name).toBe(400);
  expect((await admin("/users/nobody/actions/invite")).status).toBe(409);
});

test("a new invitation ends the one before it, and a new password every session of the old one", async () => {
  const old = await admin("/users", { name: "bo" });
  const next = await admin("/users/bo/actions/invite");
  const browser = new Browser();
  expect((await sent(browser, "/auth/invitation", { token: tokenOf(old), password })).status).toBe(401);
  expect((await sent(browser, "/auth/invitation", { token: tokenOf(next), password })).status).toBe(200);
  const lost = await admin("/users/bo/actions/invite");
  const second = new Browser();
  await sent(second, "/auth/invitation", { token: tokenOf(lost), password: "another four words of hers" });
  await until("the old session ends", 5_000, async () => ((await me(browser)) === 401 ? true : undefined));
  expect((await sent(browser, "/auth/password", { name: "bo", password })).status).toBe(401);
  expect(await me(second)).toBe(200);
});

test("one invitation that many use at once is one password", async () => {
  const invited = await admin("/users", { name: "racer" });
  const all = await Promise.all(
    Array.from({ length: 5 }, (_, i) =>
      sent(new Browser(), "/auth/invitation", { token: tokenOf(invited), password: `${password} ${i}` }),
    ),
  );
  expect(all.filter((answer) => answer.status === 200)).toHaveLength(1);
});

test("a disabled user is out within five seconds on every replica, and in again only by their password", async () => {
  const browser = new Browser();
  await sent(browser, "/auth/password", { name: "ana", password });
  // The other replica believes what it has just read.
  const there = () => fetch(`${limited.url}/api/v1/me`, { headers: { cookie: browser.cookies(server.url) } });
  expect((await there()).status).toBe(200);
  const started = performance.now();
  expect(await admin("/users/ana/actions/disable")).toMatchObject({ status: 200, body: { state: "disabled" } });
  expect(await me(browser)).toBe(401);
  await until("the other replica knows", 5_000, async () => ((await there()).status === 401 ? true : undefined));
  expect(performance.now() - started).toBeLessThan(5_000);
  expect((await sent(browser, "/auth/password", { name: "ana", password })).body.code).toBe("sign_in_refused");
  expect((await admin("/users/ana/actions/invite")).status).toBe(409);
  expect((await admin("/users/ana/actions/enable")).body.state).toBe("active");
  expect(await me(browser)).toBe(401);
  expect((await sent(browser, "/auth/password", { name: "ana", password })).status).toBe(200);
  expect((await admin("/users/local/actions/disable")).body.code).toBe("state_conflict");
});

test("users are the business of system admins, and a change needs a fresh sign-in", async () => {
  const browser = new Browser();
  await sent(browser, "/auth/password", { name: "ana", password });
  expect((await browser.send(`${server.url}/api/v1/users`)).status).toBe(403);
  expect((await sent(browser, "/api/v1/users", { name: "eve", systemAdmin: true })).status).toBe(403);
  const chief = await admin("/users", { name: "chief", systemAdmin: true });
  const second = new Browser();
  await sent(second, "/auth/invitation", { token: tokenOf(chief), password });
  expect((await browser.send(`${server.url}/api/v1/users`)).status).toBe(403);
  const list = (await (await second.send(`${server.url}/api/v1/users`)).json()) as { data: { name: string }[] };
  expect(list.data.find((user) => user.name === "chief")).toMatchObject({
    systemAdmin: true,
    state: "active",
    signIn: ["password"],
    kind: "person",
  });
  expect(JSON.stringify(list)).not.toMatch(/argon2|capstan_/);
  await owner.query("UPDATE user_sessions SET signed_in_at = signed_in_at - interval '6 minutes'");
  await until("the sign-in is too old", 10_000, async () => {
    const { status, body } = await sent(second, "/api/v1/users/ana/actions/disable", {});
    return status === 403 && body.code === "reauth_required" ? true : undefined;
  });
});

test("tries are counted by account and by address, and told when to come again", async () => {
  const tries = async (name: string, count: number): Promise<readonly number[]> => {
    const statuses: number[] = [];
    for (let i = 0; i < count; i++) {
      const answer = await fetch(`${limited.url}/auth/password`, post({ name, password: "wrong" }));
      statuses.push(answer.status);
      await answer.arrayBuffer();
    }
    return statuses;
  };
  const first = await tries("ana", 7);
  expect(first.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
  expect(first).toContain(429);
  // The right password is no way past it.
  const right = await fetch(`${limited.url}/auth/password`, post({ name: "ana", password }));
  expect([right.status, Number(right.headers.get("retry-after")) > 0]).toEqual([429, true]);
  expect((await tries("somebody-else", 8)).at(-1)).toBe(429);
});

test("another site cannot sign a browser in", async () => {
  const answer = await read(
    await fetch(`${server.url}/auth/password`, post({ name: "ana", password }, { origin: "https://evil.example" })),
  );
  expect(answer.body.code).toBe("origin_refused");
});

test("all of it is in the audit trail of the installation, and no secret is", async () => {
  const { rows } = await owner.query<{ action: string; actor: string; subject: string; detail: object }>(
    "SELECT action, actor, subject, detail FROM audit_records WHERE project_id = '00000000-0000-0000-0000-000000000000' ORDER BY seq",
  );
  for (const wanted of [
    { action: "users:write", actor: "local", subject: "ana", detail: { made: true } },
    { action: "users:write", actor: "user:ana", detail: { passwordSet: true } },
    { action: "sign_in", actor: "user:ana", detail: { by: "password" } },
    { action: "sign_in:refused", actor: "user:ana" },
    { action: "sign_in:refused", actor: "nobody", subject: "unknown user" },
    { action: "users:write", actor: "local", subject: "ana", detail: { disabled: true } },
  ])
    expect(rows).toContainEqual(
      expect.objectContaining({ ...wanted, detail: expect.objectContaining(wanted.detail ?? {}) }),
    );
  expect(JSON.stringify(rows)).not.toMatch(/OR 1=1|horse|capstan_(session|invitation)_/);
});
