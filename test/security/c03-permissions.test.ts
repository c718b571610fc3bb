// C3, a wrong or missing permission: every operation for every role, and every row of every list.
import { afterAll, expect, test } from "vitest";
import { isSystemPermission, roleAllows, roles, type Permission, type Role, type Route } from "@capstan/proto";
import { Browser } from "../support/identity-provider.ts";
import {
  allScopes,
  changedTables,
  filled,
  furnish,
  made,
  makeGround,
  raw,
  routeTable,
  rowsAtRest,
  rowsOf,
  tokenOf,
  type Furnished,
} from "./ground.ts";

const ground = await makeGround();
const { server, owner } = ground;
const mine: Furnished = await furnish(ground, "default", "wagtail");
const theirs: Furnished = await furnish(ground, "other", "zebrafinch");
afterAll(() => {
  for (const { client } of [mine, theirs]) client.socket.terminate();
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const json = { "content-type": "application/json" };
/** No field of any request: who is let in is told that it is none, and nothing is changed. */
const notABody = JSON.stringify({ notAField: 1 });
const withPermission = routeTable.filter(([, { permission }]) => permission !== "none" && permission !== "signed_in");

type Verdict = "let in" | "forbidden" | "not found" | "nobody";
async function ask(route: Route, path: string, headers: Readonly<Record<string, string>>): Promise<Verdict> {
  const hasBody = route.body !== undefined;
  const { status, text } = await raw(
    server.url,
    route.method,
    path,
    hasBody ? { ...headers, ...json } : headers,
    hasBody ? notABody : undefined,
  );
  if (status === 403 && (JSON.parse(text) as { code: string }).code === "forbidden") return "forbidden";
  if (status === 401) return "nobody";
  if (status === 404) return "not found";
  if (status >= 500) throw new Error(`${route.method} ${path}: ${status} ${text}`);
  return "let in";
}

/** A person with a browser, who has no project: a system admin, or nobody in particular. */
async function person(name: string, systemAdmin: boolean): Promise<Readonly<Record<string, string>>> {
  const { url } = await made(ground, "POST", "/users", { name });
  if (systemAdmin) await owner.query("UPDATE users SET system_admin = true WHERE name = $1", [name]);
  const invitation = new URLSearchParams(new URL(String(url)).hash.slice(1)).get("invitation");
  const browser = new Browser();
  const answer = await browser.send(`${server.url}/auth/invitation`, {
    method: "POST",
    headers: { ...json, origin: server.url },
    body: JSON.stringify({ token: invitation, password: "correct horse battery staple" }),
  });
  expect(answer.status).toBeLessThan(300);
  return { cookie: browser.cookies(server.url), origin: server.url };
}

const projects = ["default", "other", "a-project-that-is-not-there"];
/** What the table says of a caller at a route of a project, where the things that the path names are not there. */
function expected(route: Route, project: string, who: { role?: Role; systemAdmin: boolean }): Verdict {
  const permission = route.permission as Permission; // by the filter above
  if (isSystemPermission(permission)) return who.systemAdmin ? "let in" : "forbidden";
  if (project !== "default" || who.role === undefined) return "not found";
  return roleAllows(who.role, permission) ? "let in" : "forbidden";
}

test("every role is let in exactly where the table says, in its project and in no other", async () => {
  const wrong: string[] = [];
  let asked = 0;
  const callers: {
    readonly name: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly role?: Role;
    readonly systemAdmin: boolean;
  }[] = [
    { name: "system_admin", headers: await person("chief", true), systemAdmin: true },
    { name: "nobody's member", headers: await person("guest", false), systemAdmin: false },
  ];
  for (const role of roles.filter((one) => one !== "system_admin"))
    callers.push({ name: role, headers: bearer(await tokenOf(ground, "default", role)), role, systemAdmin: false });
  for (const caller of callers) {
    for (const [name, route] of withPermission) {
      const inProject = route.path.includes("{project}");
      for (const project of inProject ? projects : ["default"]) {
        const verdict = await ask(route, filled(route.path, { project }), caller.headers);
        const wanted = expected(route, project, caller);
        asked += 1;
        if (verdict === wanted || (wanted === "let in" && verdict === "not found")) continue;
        wrong.push(`${caller.name} ${name} in ${project}: ${verdict}, expected ${wanted}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  const perCaller = withPermission.reduce((sum, [, { path }]) => sum + (path.includes("{project}") ? 3 : 1), 0);
  expect(asked).toBe(perCaller * (roles.length + 1));
});

test("a token allows what it was made for and no more, whatever the role of its holder", async () => {
  const wrong: string[] = [];
  for (const scope of allScopes) {
    const token = await tokenOf(
      ground,
      "default",
      "project_admin",
      `only-${scope.replaceAll(/\W/g, "-").toLowerCase()}`,
      [scope],
    );
    // One route of each other permission, and all of its own.
    const seen = new Set<string>();
    for (const [name, route] of withPermission) {
      if (route.permission !== scope && seen.has(route.permission)) continue;
      seen.add(route.permission);
      const verdict = await ask(route, filled(route.path, { project: "default" }), bearer(token));
      const wanted = route.permission === scope ? "let in" : "forbidden";
      if (verdict !== wanted && !(wanted === "let in" && verdict === "not found"))
        wrong.push(`${scope} ${name}: ${verdict}`);
    }
  }
  expect(wrong).toEqual([]);
});

/** Parameters of a path, of which the token's are of two kinds. */
const paramsFor = (name: string, of: Furnished): Readonly<Record<string, string>> =>
  name === "joinTokenDelete" ? { ...of.params, token: of.params["joinToken"] ?? "" } : of.params;
const reads = routeTable.filter(
  ([name, { method, permission }]) => method === "GET" && permission !== "none" && name !== "oidcStart",
);

test("no list, page, export or stream of one project shows anything of another", async () => {
  const admin = bearer(await tokenOf(ground, "default", "project_admin", "reader"));
  const leaks: string[] = [];
  const full = new Set<string>();
  for (const [name, route] of reads) {
    for (const query of ["", "?limit=500&count=true"]) {
      if (query !== "" && route.query === undefined) continue;
      const { status, text } = await raw(server.url, "GET", filled(route.path, paramsFor(name, mine)) + query, admin);
      expect(status, `${name}${query}: ${text}`).not.toBe(500);
      if (text.includes(theirs.canary) || text.includes(theirs.projectId) || text.includes(theirs.attempt))
        leaks.push(name);
      if (text.includes(mine.canary)) full.add(name);
    }
  }
  expect(leaks).toEqual([]);
  // The same answers hold what is one's own, so an empty list is not why nothing leaked.
  expect(full.size, [...full].join()).toBeGreaterThan(25);
  for (const must of [
    "runList",
    "workflowList",
    "agentList",
    "runLogs",
    "rawLogs",
    "outputsGet",
    "auditList",
    "tokenList",
  ])
    expect(full).toContain(must);
});

test("searching finds nothing of another project, by any filter", async () => {
  const admin = bearer(await tokenOf(ground, "default", "project_admin", "searcher"));
  const values = [theirs.canary, theirs.params["workflow"] ?? "", `note:${theirs.canary}`, "%"];
  for (const [name, route] of reads.filter(([, { query }]) => query !== undefined)) {
    for (const key of ["q", "workflow", "label", "task", "actor", "cursor"]) {
      for (const value of values) {
        const target = `${filled(route.path, paramsFor(name, mine))}?${key}=${encodeURIComponent(value)}`;
        const { status, text } = await raw(server.url, "GET", target, admin);
        // A refusal repeats what was asked for.
        const shown = status < 300 ? text.replaceAll(encodeURIComponent(value), "") : "";
        expect(shown, `${name} ${key}`).not.toContain(theirs.canary);
        expect(status, `${name} ${key}=${value}: ${text}`).toBeLessThan(500);
      }
    }
  }
});

test("by the ids of another project nothing is found and nothing is changed, and the answer is that about nothing", async () => {
  const admin = bearer(await tokenOf(ground, "default", "project_admin", "writer"));
  const before = await rowsAtRest(owner, theirs);
  const wrong: string[] = [];
  const inProject = withPermission.filter(([, { path }]) => path.split("{").length > 2);
  for (const [name, route] of inProject) {
    for (const key of [...route.path.matchAll(/\{(\w+)\}/g)]
      .map((match) => match[1] ?? "")
      .filter((one) => one !== "project")) {
      const own = paramsFor(name, mine);
      const foreign = paramsFor(name, theirs)[key] ?? "";
      // Names that both have are not another's: a pool, a task, a version.
      if (foreign === own[key] || key === "version" || key === "sha256") continue;
      const path = filled(route.path, { ...own, [key]: foreign });
      const answer = await raw(
        server.url,
        route.method,
        path,
        route.body === undefined ? admin : { ...admin, ...json },
        route.body === undefined ? undefined : "{}",
      );
      const nothing = await raw(
        server.url,
        route.method,
        filled(route.path, { ...own, [key]: shuffled(foreign) }),
        route.body === undefined ? admin : { ...admin, ...json },
        route.body === undefined ? undefined : "{}",
      );
      // A list of what belongs to nothing may be empty, and a set may be made by its name.
      if (answer.status !== nothing.status)
        wrong.push(`${name} ${key}: ${answer.status}, of nothing ${nothing.status}`);
      if (answer.text.includes(theirs.canary) && !path.includes(theirs.canary))
        wrong.push(`${name} ${key} shows ${answer.text}`);
      if (answer.status >= 500) wrong.push(`${name} ${key}: ${answer.text}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(changedTables(before, await rowsOf(owner, theirs.projectId))).toEqual([]);
});

/** An id or name of the same form that nothing has. */
const shuffled = (text: string): string =>
  /\d/.test(text) ? text.replace(/[a-z0-9]{6}$/, "000000") : text.replace(/zebrafinch/, "nightingale");
