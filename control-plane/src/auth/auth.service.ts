// Who asks, and what they are in a project.
//  A1. A credential that is not known, mistyped, ended or revoked is nobody, not an error of the server.
//  A2. What was read is believed for at most three seconds, so a revocation reaches every replica within five.
//  A3. The token of the local administrator is taken from a loopback peer only.
//  A4. An API token allows what it was made for, in its project, as far as its holder may do it now.
import { AppError, permissions, roles, type Permission, type Role } from "@capstan/proto";
import { isMachine, type Principal, type ProjectScope } from "../http/request-context.ts";
import type { ApiTokenRow, AuthStore, ProjectRow, SessionRow, UserRow } from "./auth.store.ts";
import { hashToken, makeToken, parseToken, tokenMatches } from "./opaque-token.ts";

const believedMs = 3_000;
const linkLifeMs = 15 * 60_000;
const sessionLifeMs = 7 * 86_400_000;
const cacheMax = 10_000;

export interface Credential {
  readonly bearer: string | undefined;
  readonly cookie: string | undefined;
  readonly loopback: boolean;
}

interface Believed<T> {
  readonly value: T;
  readonly untilMs: number;
}

export class AuthService {
  private readonly store: AuthStore;
  private readonly localHash: Buffer;
  private readonly nowMs: () => number;
  private readonly principals = new Map<string, Believed<Principal | undefined>>();
  private readonly scopes = new Map<string, Believed<ProjectRow | undefined>>();
  private readonly roleCache = new Map<string, Believed<Role | undefined>>();
  private local: UserRow | undefined;

  constructor(store: AuthStore, localToken: string, nowMs: () => number = Date.now) {
    this.store = store;
    this.localHash = hashToken(localToken);
    this.nowMs = nowMs;
  }

  /** The caller, or undefined for nobody. */
  async authenticate(credential: Credential): Promise<Principal | undefined> {
    const text = credential.bearer ?? credential.cookie;
    if (text === undefined) return undefined;
    const token = parseToken(text);
    if (token === undefined) return undefined;
    if (token.kind === "local" && credential.bearer !== undefined) {
      return credential.loopback && tokenMatches(text, this.localHash) ? this.localPrincipal() : undefined;
    }
    const hash = hashToken(text);
    if (token.kind === "pat" && credential.bearer !== undefined) {
      return this.believe(this.principals, hash.toString("base64"), async () => {
        const row = await this.store.apiToken(hash);
        return row === undefined ? undefined : bearerOf(row);
      });
    }
    const via = credential.bearer === undefined ? "cookie" : "cli";
    if (token.kind !== (via === "cli" ? "cli" : "session")) return undefined;
    return this.believe(this.principals, hash.toString("base64"), async () => {
      const session = await this.store.session(hash);
      return session === undefined ? undefined : principalOf(session, via);
    });
  }

  /** The project and the caller's role in it; undefined where it does not exist or is not theirs to see. */
  async scope(principal: Principal, name: string): Promise<ProjectScope | undefined> {
    const project = await this.believe(this.scopes, name, () => this.store.project(name));
    if (project === undefined) return undefined;
    const role = await this.role(principal, project.id);
    const scopes = principal.grant?.scopes;
    return role === undefined
      ? undefined
      : { id: project.id, name: project.name, role, ...(scopes === undefined ? {} : { scopes }) };
  }

  /** Every project that the caller is a member of. */
  async projects(principal: Principal): Promise<readonly (ProjectRow & { readonly role: Role })[]> {
    const mine: (ProjectRow & { readonly role: Role })[] = [];
    for (const project of await this.store.projects()) {
      const role = await this.role(principal, project.id);
      if (role !== undefined) mine.push({ ...project, role });
    }
    return mine;
  }

  async makeLink(
    principal: Principal,
    publicUrl: string,
  ): Promise<{ readonly url: string; readonly expiresAtMs: number }> {
    if (!isMachine(principal) || principal.via !== "token") {
      throw new AppError(
        "reauth_required",
        "A sign-in link is made with the token of this machine: run `capstan open`",
      );
    }
    const link = makeToken("link");
    const made = await this.store.createLink(hashToken(link.text), principal.userId, linkLifeMs);
    return { url: `${publicUrl}/login#token=${link.text}`, expiresAtMs: made.expiresMs };
  }

  /** @throws token_expired for anything but a link that was never used and is younger than 15 minutes */
  async exchange(
    text: string,
  ): Promise<{ readonly session: string; readonly user: string; readonly expiresMs: number }> {
    const refuse = (): AppError =>
      new AppError(
        "token_expired",
        "This link was used before or is older than 15 minutes. Run `capstan open` for a new one.",
      );
    if (parseToken(text)?.kind !== "link") throw refuse();
    const session = makeToken("session");
    const row = await this.store.exchange(hashToken(text), hashToken(session.text), sessionLifeMs);
    if (row === undefined) throw refuse();
    return { session: session.text, user: row.user.name, expiresMs: row.expiresMs };
  }

  async endSession(text: string): Promise<void> {
    const kind = parseToken(text)?.kind;
    if (kind !== "session" && kind !== "cli") return;
    const hash = hashToken(text);
    this.principals.delete(hash.toString("base64"));
    await this.store.endSession(hash);
  }

  /** Forgets what was believed of everybody here; other replicas follow within three seconds. */
  forget(): void {
    this.principals.clear();
    this.roleCache.clear();
    this.scopes.clear();
  }

  private async localPrincipal(): Promise<Principal | undefined> {
    this.local ??= await this.store.localUser();
    const user = this.local;
    if (user === undefined) return undefined;
    return {
      userId: user.id,
      name: user.name,
      kind: "local",
      systemAdmin: true,
      via: "token",
      signedInMs: this.nowMs(),
      expiresMs: undefined,
    };
  }

  private async role(principal: Principal, projectId: string): Promise<Role | undefined> {
    if (principal.grant !== undefined && principal.grant.projectId !== projectId) return undefined;
    if (principal.kind === "local") return "project_admin";
    return this.believe(this.roleCache, `${projectId} ${principal.userId}`, async () => {
      const role = await this.store.roleOf(projectId, principal.userId);
      return roles.find((known) => known === role);
    });
  }

  private async believe<T>(cache: Map<string, Believed<T>>, key: string, read: () => Promise<T>): Promise<T> {
    const now = this.nowMs();
    const known = cache.get(key);
    if (known !== undefined && known.untilMs > now) return known.value;
    const value = await read();
    // Unknown keys are callers' to choose: the map is emptied before they fill it.
    if (cache.size >= cacheMax) cache.clear();
    cache.set(key, { value, untilMs: now + believedMs });
    return value;
  }
}

const bearerOf = ({ user, projectId, scopes, createdMs, expiresMs }: ApiTokenRow): Principal => ({
  userId: user.id,
  name: user.name,
  kind: user.kind,
  systemAdmin: false,
  via: "token",
  signedInMs: createdMs,
  expiresMs,
  grant: { projectId, scopes: new Set(scopes.filter(isPermission)) },
});

const isPermission = (scope: string): scope is Permission => Object.hasOwn(permissions, scope);

const principalOf = (session: SessionRow, via: "cookie" | "cli"): Principal => ({
  userId: session.user.id,
  name: session.user.name,
  kind: session.user.kind,
  systemAdmin: session.user.systemAdmin,
  via,
  signedInMs: session.createdMs,
  expiresMs: session.expiresMs,
});
