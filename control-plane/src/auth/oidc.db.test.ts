// Sign-in against a real OpenID provider, by a browser that follows what it is told.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { Browser, identityProvider } from "../../../test/support/identity-provider.ts";
import { until } from "../../../test/support/until.ts";
import { readConfig } from "../config.ts";
import { startServer } from "../server.ts";

const folder = mkdtempSync(path.join(tmpdir(), "capstan-oidc-"));
const database = await cloneDatabase();
const provider = await identityProvider();
const secretFile = path.join(folder, "secret");
writeFileSync(secretFile, `${provider.clientSecret}\n`);
const server = await startServer({
  config: readConfig({
    CAPSTAN_DATABASE_URL: database.url,
    CAPSTAN_HTTP__PORT: "0",
    CAPSTAN_DATA_DIR: folder,
    CAPSTAN_CONSOLE__URL: "http://127.0.0.1:9",
    CAPSTAN_LIMITS__SIGN_INS_PER_MINUTE: "0",
    CAPSTAN_OIDC__ISSUER: provider.issuer,
    CAPSTAN_OIDC__CLIENT_ID: provider.clientId,
    CAPSTAN_OIDC__CLIENT_SECRET_FILE: secretFile,
    CAPSTAN_OIDC__SCOPES: "openid profile groups",
    CAPSTAN_OIDC__ADMIN_GROUP: "chiefs",
    CAPSTAN_OIDC__ROLES: JSON.stringify([
      { group: "platform", project: "default", role: "project_admin" },
      { group: "data", project: "default", role: "operator" },
      { group: "data", project: "nowhere", role: "operator" },
    ]),
  }),
  log: pino({ level: "silent" }),
  version: "0.0.0",
  signal: new AbortController().signal,
});
provider.serve(`${server.url}/auth/oidc/callback`);
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await server.close();
  provider.close();
  await owner.end();
  rmSync(folder, { recursive: true, force: true });
});

interface Me {
  readonly user: { readonly id: string; readonly name: string; readonly kind: string; readonly systemAdmin: boolean };
  readonly projects: readonly { readonly name: string; readonly role: string }[];
}
/** Roles are believed for three seconds, so what is expected may come a little later. */
const untilMe = (browser: Browser, wanted: object) =>
  until("what groups say", 10_000, async () => {
    expect(await me(browser)).toMatchObject(wanted);
    return true;
  });
const me = async (browser: Browser): Promise<Me | number> => {
  const answer = await browser.send(`${server.url}/api/v1/me`);
  return answer.status === 200 ? ((await answer.json()) as Me) : answer.status;
};
const person = (subject: string, groups: readonly string[] = [], name = subject) => {
  provider.person = { subject, claims: { preferred_username: name, groups } };
};
/** Signs a person in with a browser; gives where it ended. */
async function signIn(browser: Browser, query = ""): Promise<string> {
  // An address behind the sign-in is the console's, which is not there: its page is not what this is about.
  const way = await browser.go(
    `${server.url}/auth/oidc/start${query}`,
    (at) => at.startsWith(server.url) && !at.includes("/auth/"),
  );
  return way.at(-1)?.replace(server.url, "") ?? "";
}
/** A browser at the moment in which the provider sends it back. */
async function beforeAnswer(browser: Browser, query = ""): Promise<string> {
  const way = await browser.go(`${server.url}/auth/oidc/start${query}`, (at) => at.includes("/auth/oidc/callback"));
  return way.at(-1) ?? "";
}
test("a person signs in, is led back, and is the same user the next time, whatever their name is by then", async () => {
  person("s-1", ["data", "other"], "Ana Ruiz");
  const browser = new Browser();
  expect(await signIn(browser, "?return=%2Fruns%2Fhello-1%3Ftab%3Dlogs")).toBe("/runs/hello-1?tab=logs");
  const first = await me(browser);
  expect(first).toMatchObject({
    user: { name: "ana-ruiz", kind: "person", systemAdmin: false },
    projects: [{ name: "default", role: "operator" }],
  });
  person("s-1", ["platform", "data", "chiefs"], "ana.schmidt");
  const again = new Browser();
  await signIn(again);
  await untilMe(again, {
    user: { id: (first as Me).user.id, name: "ana-ruiz", systemAdmin: true },
    projects: [{ role: "project_admin" }],
  });
  person("s-1", [], "ana.schmidt");
  const third = new Browser();
  await signIn(third);
  await untilMe(third, { user: { systemAdmin: false }, projects: [] });
});

test("another person of the same name is another user", async () => {
  person("s-2", ["data"], "ana-ruiz");
  const browser = new Browser();
  await signIn(browser);
  expect(await me(browser)).toMatchObject({ user: { name: "ana-ruiz-2" } });
  person("s-3", [], "local");
  const third = new Browser();
  await signIn(third);
  expect(await me(third)).toMatchObject({ user: { name: "local-2", kind: "person", systemAdmin: false } });
});

test("a role that was given by hand is neither changed nor taken by groups", async () => {
  person("s-4", [], "bo");
  await signIn(new Browser());
  await owner.query(
    "INSERT INTO members (project_id, user_id, role) SELECT p.id, u.id, 'auditor' FROM projects p, users u WHERE p.name = 'default' AND u.name = 'bo'",
  );
  for (const groups of [["data"], []]) {
    person("s-4", groups, "bo");
    const browser = new Browser();
    await signIn(browser);
    await untilMe(browser, { projects: [{ name: "default", role: "auditor" }] });
    expect(await me(browser)).toMatchObject({ projects: [{ name: "default", role: "auditor" }] });
  }
});

test("an answer is taken once, in the browser that asked, with its state, and from its issuer", async () => {
  person("s-5");
  const browser = new Browser();
  const answer = await beforeAnswer(browser);
  const refusedBy = async (by: Browser, address: string): Promise<string> => {
    const { headers } = await by.send(address);
    expect(headers.getSetCookie().some((line) => line.startsWith("capstan="))).toBe(false);
    return new URL(headers.get("location") ?? "", server.url).searchParams.get("error") ?? "";
  };
  // Somebody else's browser is given the address: the victim of a planted sign-in, or a thief of the code.
  expect(await refusedBy(new Browser(), answer)).toBe("sign_in_flow_unknown");
  const other = new Browser();
  await beforeAnswer(other);
  expect(await refusedBy(other, answer)).toBe("sign_in_flow_unknown");
  // The flow of `other` is used up by that, as is any by a wrong answer.
  const bent = new URL(answer);
  bent.searchParams.set("iss", "https://evil.example");
  expect(await refusedBy(browser, bent.href)).toBe("sign_in_refused");
  expect(await refusedBy(browser, answer)).toBe("sign_in_flow_unknown");
  // A code that was used already, within a flow of its own.
  const taken = new Browser();
  const first = await beforeAnswer(taken);
  expect((await taken.send(first)).headers.get("location")).toBe("/");
  expect(await refusedBy(taken, first)).toBe("sign_in_flow_unknown");
  const second = new URL(await beforeAnswer(taken));
  second.searchParams.set("code", new URL(first).searchParams.get("code") ?? "");
  expect(await refusedBy(taken, second.href)).toBe("sign_in_refused");
});

test("another site is never led to", async () => {
  person("s-6");
  for (const to of ["https://evil.example/", "//evil.example", "/\\evil.example", "/.//evil.example"])
    expect(await signIn(new Browser(), `?return=${encodeURIComponent(to)}`)).toBe("/");
});

test("what needs a fresh sign-in gets one: the provider asks again, and a browser cannot leave that out", async () => {
  person("s-7", ["platform"]);
  const browser = new Browser();
  await signIn(browser);
  const asked = provider.asked;
  await signIn(browser);
  expect(provider.asked).toBe(asked); // the provider remembers
  await owner.query(
    "UPDATE user_sessions SET signed_in_at = signed_in_at - interval '1 hour' WHERE user_id = (SELECT id FROM users WHERE name = 's-7')",
  );
  const enrol = () =>
    browser.send(`${server.url}/api/v1/projects/default/pools/default/join-tokens`, {
      method: "POST",
      headers: { origin: server.url, "content-type": "application/json" },
      body: "{}",
    });
  await until("the older sign-in is seen", 10_000, async () => ((await enrol()).status === 403 ? true : undefined));
  expect(((await (await enrol()).json()) as { code: string }).code).toBe("reauth_required");
  await signIn(browser, "?fresh=1");
  expect(provider.asked).toBe(asked + 1);
  expect((await enrol()).status).toBe(201);
  // Whoever merely finds the browser open takes the question out of the address.
  const way = await browser.go(`${server.url}/auth/oidc/start?fresh=1`, (at) => at.startsWith(provider.issuer));
  const bent = new URL(way.at(-1) ?? "");
  bent.searchParams.delete("prompt");
  bent.searchParams.delete("max_age");
  const end = await browser.go(bent.href, (at) => at.startsWith(server.url) && !at.includes("/auth/"));
  expect(end.at(-1)).toContain("error=sign_in_refused");
});

test("a sign-out ends the session, a new sign-in the one before it, and a disabled user every one within five seconds", async () => {
  person("s-8", ["data"]);
  const browser = new Browser();
  await signIn(browser);
  const thief = browser.cookies(server.url);
  const asThief = () => fetch(`${server.url}/api/v1/me`, { headers: { cookie: thief } });
  expect((await asThief()).status).toBe(200);
  await signIn(browser);
  await until("the replaced session ends", 5_000, async () => ((await asThief()).status === 401 ? true : undefined));
  await browser.send(`${server.url}/auth/logout`, { method: "POST", headers: { origin: server.url } });
  expect(await me(browser)).toBe(401);
  await signIn(browser);
  expect(await me(browser)).toMatchObject({ user: { name: "s-8" } });
  await owner.query("UPDATE users SET disabled_at = clock_timestamp() WHERE name = 's-8'");
  await until("the session of a disabled user ends", 5_000, async () =>
    (await me(browser)) === 401 ? true : undefined,
  );
  expect(await signIn(browser)).toContain("error=sign_in_refused");
});

test("the audit trail of the installation names who signed in by what, in an unbroken chain", async () => {
  const { rows } = await owner.query<{
    seq: number;
    action: string;
    actor: string;
    detail: object;
    previous_sha256: string;
    sha256: string;
  }>(
    "SELECT seq::int, action, actor, detail, previous_sha256, sha256 FROM audit_records WHERE project_id = '00000000-0000-0000-0000-000000000000' ORDER BY seq",
  );
  expect(rows.map((row) => row.seq)).toEqual(rows.map((_, index) => index + 1));
  expect(rows.slice(1).every((row, index) => row.previous_sha256 === rows[index]?.sha256)).toBe(true);
  expect(rows.find((row) => row.action === "sign_in")).toMatchObject({
    actor: "user:ana-ruiz",
    detail: { by: "oidc", kind: "browser", issuer: provider.issuer },
  });
  expect(rows.some((row) => row.action === "sign_in:refused" && row.actor === "user:s-8")).toBe(true);
  expect(JSON.stringify(rows)).not.toContain("capstan_session_");
  const roles = await owner.query<{ detail: object }>(
    "SELECT detail FROM audit_records WHERE action = 'members:write' ORDER BY seq",
  );
  expect(roles.rows.slice(0, 3).map((row) => row.detail)).toEqual([
    { role: "operator", from: "groups" },
    { role: "project_admin", from: "groups" },
    { role: null, from: "groups" },
  ]);
});

test("the page offers the provider, and repeats nothing that it was given", async () => {
  const page = await fetch(`${server.url}/login?return=%2Fruns%22%3E%3Cscript%3E&error=%3Cb%3E&fresh=1`);
  const text = await page.text();
  expect(text).toContain("Sign in with 127.0.0.1");
  expect(text).toContain("/auth/oidc/start?return=%2Fruns%2522%253E%253Cscript%253E&amp;fresh=1");
  expect(text).not.toMatch(/<b>|"><script>/);
  expect(page.headers.get("content-security-policy")).not.toContain("unsafe");
});
