import { expect, test } from "vitest";
import type { AuthStore, SessionRow } from "./auth.store.ts";
import { AuthService } from "./auth.service.ts";
import { hashToken, makeToken } from "./opaque-token.ts";

const user = { id: "u1", name: "ana", kind: "person", systemAdmin: false } as const;

function place() {
  const sessions = new Map<string, SessionRow>();
  const members = new Map<string, string>();
  let nowMs = 0;
  let asked = 0;
  const store: AuthStore = {
    localUser: async () => ({ id: "u0", name: "local", kind: "local", systemAdmin: true }),
    apiToken: async () => undefined,
    session: async (hash) => {
      asked++;
      return sessions.get(hash.toString("hex"));
    },
    createLink: async () => ({ expiresMs: 1 }),
    exchange: async () => undefined,
    endSession: async (hash) => void sessions.delete(hash.toString("hex")),
    projects: async () => [{ id: "p1", name: "default", createdMs: 0 }],
    project: async (name) => (name === "default" ? { id: "p1", name, createdMs: 0 } : undefined),
    roleOf: async (projectId, userId) => members.get(`${projectId} ${userId}`),
  };
  const local = makeToken("local").text;
  const auth = new AuthService(store, local, () => nowMs);
  const signIn = (): string => {
    const { text } = makeToken("session");
    sessions.set(hashToken(text).toString("hex"), { user, createdMs: 0, expiresMs: 1e12 });
    return text;
  };
  return { auth, local, members, sessions, signIn, pass: (ms: number) => (nowMs += ms), asked: () => asked };
}

test("the token of this machine is taken from loopback only", async () => {
  const { auth, local } = place();
  expect(await auth.authenticate({ bearer: local, cookie: undefined, loopback: true })).toMatchObject({
    kind: "local",
  });
  expect(await auth.authenticate({ bearer: local, cookie: undefined, loopback: false })).toBeUndefined();
  expect(
    await auth.authenticate({ bearer: makeToken("local").text, cookie: undefined, loopback: true }),
  ).toBeUndefined();
});

test("a token is taken only in the place that is its own", async () => {
  const { auth, local, signIn } = place();
  expect(await auth.authenticate({ bearer: undefined, cookie: local, loopback: true })).toBeUndefined();
  const session = signIn();
  expect(await auth.authenticate({ bearer: session, cookie: undefined, loopback: true })).toBeUndefined();
  expect(await auth.authenticate({ bearer: undefined, cookie: session, loopback: true })).toMatchObject({
    name: "ana",
    via: "cookie",
  });
});

test("what is no token never reaches the database", async () => {
  const { auth, asked } = place();
  for (const cookie of ["nothing", "", "capstan_session_x", `${makeToken("session").text}x`]) {
    expect(await auth.authenticate({ bearer: undefined, cookie, loopback: true })).toBeUndefined();
  }
  expect(asked()).toBe(0);
});

test("a revoked session is believed for three seconds at most", async () => {
  const { auth, sessions, signIn, pass } = place();
  const cookie = signIn();
  const ask = () => auth.authenticate({ bearer: undefined, cookie, loopback: true });
  expect(await ask()).toBeDefined();
  sessions.clear();
  pass(2_999);
  expect(await ask()).toBeDefined();
  pass(2);
  expect(await ask()).toBeUndefined();
});

test("a sign-out here is believed at once", async () => {
  const { auth, signIn } = place();
  const cookie = signIn();
  await auth.authenticate({ bearer: undefined, cookie, loopback: true });
  await auth.endSession(cookie);
  expect(await auth.authenticate({ bearer: undefined, cookie, loopback: true })).toBeUndefined();
});

test("a project that is not there and one that is not yours look the same", async () => {
  const { auth, members, signIn, pass } = place();
  const principal = await auth.authenticate({ bearer: undefined, cookie: signIn(), loopback: true });
  if (principal === undefined) throw new Error("not signed in");
  expect(await auth.scope(principal, "default")).toBeUndefined();
  expect(await auth.scope(principal, "other")).toBeUndefined();
  members.set("p1 u1", "viewer");
  pass(5_000);
  expect(await auth.scope(principal, "default")).toEqual({ id: "p1", name: "default", role: "viewer" });
});

test("a role that nobody knows gives nothing", async () => {
  const { auth, members, signIn } = place();
  members.set("p1 u1", "superuser");
  const principal = await auth.authenticate({ bearer: undefined, cookie: signIn(), loopback: true });
  if (principal === undefined) throw new Error("not signed in");
  expect(await auth.scope(principal, "default")).toBeUndefined();
});
