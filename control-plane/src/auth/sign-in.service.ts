// Signing people in: from what the identity provider says to a session.
//  S1. A user is found by issuer and subject and by nothing else: neither a name nor an address of mail makes somebody
//      another user.
//  S2. A sign-in ends the session that the browser had; a session is never carried on into another.
import { randomBytes } from "node:crypto";
import { AppError } from "@capstan/proto";
import type { GroupRole } from "../config-oidc.ts";
import type { CallbackQuery, Identity, OidcClient } from "./oidc.ts";
import { hashToken, makeToken, parseToken } from "./opaque-token.ts";
import { returnPath } from "./return-path.ts";
import type { SignInStore } from "./sign-in.store.ts";

export const sessionLifeMs = 7 * 86_400_000;
export const flowLifeMs = 10 * 60_000;
/** A provider's clock may be behind ours. */
const skewMs = 60_000;

export interface SignedIn {
  readonly session: string;
  readonly user: string;
  readonly expiresMs: number;
}

export class SignInService {
  private readonly store: SignInStore;
  private readonly oidc: OidcClient | undefined;

  constructor(store: SignInStore, oidc: OidcClient | undefined) {
    this.store = store;
    this.oidc = oidc;
  }

  /** What the button of the sign-in page says; undefined: there is no provider. */
  get oidcLabel(): string | undefined {
    return this.oidc?.config.label;
  }

  /** Begins a sign-in: the secret for the browser's cookie, and where it goes. @throws not_found oidc_unavailable */
  async begin(options: {
    readonly redirectUri: string;
    readonly returnTo: string | undefined;
    readonly fresh: boolean;
  }): Promise<{ readonly secret: string; readonly location: string }> {
    const oidc = this.provider();
    const secret = randomBytes(32).toString("base64url");
    const { redirectUri, fresh } = options;
    const location = await oidc.authorizationUrl({ secret, redirectUri, fresh });
    await this.store.openFlow(hashToken(secret), { returnTo: returnPath(options.returnTo), fresh }, flowLifeMs);
    return { secret, location };
  }

  /** Ends it. @throws sign_in_flow_unknown sign_in_refused oidc_unavailable not_found */
  async finish(
    query: CallbackQuery,
    options: {
      readonly secret: string | undefined;
      readonly redirectUri: string;
      readonly oldSession: string | undefined;
    },
  ): Promise<SignedIn & { readonly returnTo: string }> {
    const oidc = this.provider();
    const { secret, redirectUri } = options;
    const flow = secret === undefined ? undefined : await this.store.takeFlow(hashToken(secret));
    if (secret === undefined || flow === undefined)
      throw new AppError(
        "sign_in_flow_unknown",
        "This browser has not begun a sign-in, or it was more than 10 minutes ago.",
      );
    const identity = await oidc.identify(query, { secret, redirectUri, fresh: flow.fresh });
    // Without `auth_time` there is no telling whether the provider asked: its address went through the browser, where whoever
    // sits before it can take the question out.
    if (flow.fresh && (identity.provedMs === undefined || identity.provedMs < flow.startedMs - skewMs))
      throw new AppError(
        "sign_in_refused",
        "The identity provider does not say that it asked you again who you are (claim auth_time).",
      );
    const session = makeToken("session");
    const opened = await this.store.signInByIdentity(
      {
        issuer: identity.issuer,
        subject: identity.subject,
        name: nameOf(identity),
        roles: rolesOf(oidc.config.roles, identity.groups),
        systemAdmin:
          oidc.config.adminGroup === undefined ? undefined : identity.groups.includes(oidc.config.adminGroup),
      },
      {
        tokenHash: hashToken(session.text),
        kind: "browser",
        lifeMs: sessionLifeMs,
        // A provider that does not tell may have remembered the person for ever.
        provedMs: identity.provedMs ?? 0,
        replaces: replacedBy(options.oldSession),
      },
    );
    if (opened === undefined)
      throw new AppError("sign_in_refused", "You may not sign in: a system administrator has disabled your user.");
    return { session: session.text, user: opened.user.name, expiresMs: opened.expiresMs, returnTo: flow.returnTo };
  }

  private provider(): OidcClient {
    if (this.oidc === undefined) throw new AppError("not_found", "This installation has no identity provider.");
    return this.oidc;
  }
}

/** The hash of the session that a browser had; undefined where its cookie holds none. */
export const replacedBy = (cookie: string | undefined): Buffer | undefined =>
  cookie !== undefined && parseToken(cookie)?.kind === "session" ? hashToken(cookie) : undefined;

/** By exact value, the first rule of a project that matches. */
export function rolesOf(rules: readonly GroupRole[], groups: readonly string[]): ReadonlyMap<string, string> {
  const mine = new Set(groups);
  const roles = new Map<string, string>();
  for (const rule of rules) if (mine.has(rule.group) && !roles.has(rule.project)) roles.set(rule.project, rule.role);
  return roles;
}

/** What a new user is called, in the letters that names of users have. */
export function nameOf(identity: Pick<Identity, "names" | "subject">): string {
  for (const text of [...identity.names, identity.subject]) {
    const name = text
      .toLowerCase()
      .replaceAll(/[^a-z0-9._@-]+/g, "-")
      .slice(0, 60)
      .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
    if (name !== "") return name;
  }
  return "user";
}
