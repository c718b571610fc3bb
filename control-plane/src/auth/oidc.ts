// Sign-in by OpenID Connect, as a client: authorization code with PKCE.
//  P1. Everything that must be remembered between the two requests is derived from one secret in the browser's cookie; state,
//      nonce and PKCE verifier are nowhere else, so an answer that was meant for another browser fits nothing.
//  P2. The provider is who its discovery document says, letter by letter as configured, in answer and token alike.
import { createHash, hkdfSync, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { AppError } from "@capstan/proto";
import type { OidcConfig } from "../config-oidc.ts";
import type { Egress } from "../egress/egress.ts";
import { verifyIdToken, type IdTokenClaims } from "./id-token.ts";
import { discoverySchema, parsed, Provider, safeAddress, unavailable } from "./provider.ts";

/** A session's whole life: asking for it makes the provider tell when the person last proved who they are. */
const sessionSeconds = 7 * 86_400;

const clientDiscoverySchema = discoverySchema.extend({
  authorization_endpoint: safeAddress,
  token_endpoint: safeAddress,
  userinfo_endpoint: safeAddress.optional(),
  token_endpoint_auth_methods_supported: z.array(z.string()).optional(),
  authorization_response_iss_parameter_supported: z.boolean().optional(),
});
type Discovery = z.infer<typeof clientDiscoverySchema>;

const tokensSchema = z.looseObject({
  id_token: z.string().max(65_536),
  access_token: z.string().max(65_536).optional(),
});

export interface CallbackQuery {
  readonly code?: string | undefined;
  readonly state?: string | undefined;
  readonly iss?: string | undefined;
  readonly error?: string | undefined;
}

/** Who the provider says it is. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
  /** What the provider calls the person, best first. */
  readonly names: readonly string[];
  readonly groups: readonly string[];
  /** When the person last proved it to the provider; undefined where it does not tell. */
  readonly provedMs: number | undefined;
}

export interface Remembered {
  /** The secret of the browser's cookie. */
  readonly secret: string;
  readonly redirectUri: string;
  /** Makes the provider ask again, whoever it remembers. */
  readonly fresh: boolean;
}

const refused = (detail: string, cause?: unknown): AppError =>
  new AppError("sign_in_refused", detail, cause === undefined ? {} : { cause });

export class OidcClient {
  readonly config: OidcConfig;
  private readonly provider: Provider<Discovery>;

  constructor(config: OidcConfig, egress: Egress, nowMs: () => number = Date.now) {
    this.config = config;
    this.provider = new Provider(config.issuer, clientDiscoverySchema, egress, nowMs);
  }

  /** Where the browser is sent. @throws oidc_unavailable */
  async authorizationUrl(remembered: Remembered): Promise<string> {
    const { authorization_endpoint: endpoint } = await this.provider.discovery();
    const url = new URL(endpoint);
    const parts = {
      response_type: "code",
      client_id: this.config.clientId,
      redirect_uri: remembered.redirectUri,
      scope: this.config.scopes.join(" "),
      state: derived(remembered.secret, "state"),
      nonce: derived(remembered.secret, "nonce"),
      code_challenge: createHash("sha256").update(derived(remembered.secret, "pkce")).digest("base64url"),
      code_challenge_method: "S256",
      max_age: String(remembered.fresh ? 0 : sessionSeconds),
      ...(remembered.fresh ? { prompt: "login" } : {}),
    };
    for (const [key, value] of Object.entries(parts)) url.searchParams.set(key, value);
    return url.href;
  }

  /** Checks the provider's answer and asks it who came. @throws sign_in_refused oidc_unavailable sign_in_flow_unknown */
  async identify(query: CallbackQuery, remembered: Remembered): Promise<Identity> {
    if (query.state === undefined || !same(query.state, derived(remembered.secret, "state")))
      throw new AppError(
        "sign_in_flow_unknown",
        "The answer belongs to another sign-in than the one that this browser began.",
      );
    const provider = await this.provider.discovery();
    if (
      query.iss === undefined
        ? provider.authorization_response_iss_parameter_supported === true
        : query.iss !== provider.issuer
    )
      throw refused("The answer comes from another identity provider than the one that was asked.");
    if (query.error !== undefined || query.code === undefined)
      throw refused(
        `The identity provider refused: ${(query.error ?? "no code").replaceAll(/[^\w. -]/g, "").slice(0, 100)}.`,
      );
    const tokens = await this.redeem(provider, query.code, remembered);
    const claims = await this.check(provider, tokens.id_token, derived(remembered.secret, "nonce"));
    return this.identityOf(provider, claims, tokens.access_token);
  }

  private async redeem(
    provider: Discovery,
    code: string,
    remembered: Remembered,
  ): Promise<z.infer<typeof tokensSchema>> {
    const { clientId, clientSecret } = this.config;
    const form = new URLSearchParams({
      grant_type: "authorization_code",
      code,
      redirect_uri: remembered.redirectUri,
      code_verifier: derived(remembered.secret, "pkce"),
    });
    const headers: Record<string, string> = {
      "content-type": "application/x-www-form-urlencoded",
      accept: "application/json",
    };
    const methods = provider.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
    if (clientSecret === undefined) form.set("client_id", clientId);
    else if (methods.includes("client_secret_basic"))
      headers["authorization"] =
        `Basic ${Buffer.from(`${formText(clientId)}:${formText(clientSecret)}`).toString("base64")}`;
    else {
      form.set("client_id", clientId);
      form.set("client_secret", clientSecret);
    }
    const answer = await this.provider.send(provider.token_endpoint, {
      method: "POST",
      headers,
      body: form.toString(),
    });
    if (answer.status >= 500) throw unavailable(`${provider.token_endpoint} answered ${answer.status}`);
    if (answer.status !== 200)
      throw refused("The identity provider does not take its code: it was used before, or is too old.");
    return parsed(tokensSchema, answer.text, provider.token_endpoint);
  }

  private async check(provider: Discovery, token: string, nonce: string): Promise<IdTokenClaims> {
    const expected = { issuer: provider.issuer, clientId: this.config.clientId, nonce };
    try {
      return await this.provider.verified((keys) => verifyIdToken(token, keys, expected));
    } catch (error) {
      if (error instanceof AppError) throw error;
      throw refused("The identity provider's token is not valid here.", error);
    }
  }

  private async identityOf(
    provider: Discovery,
    claims: IdTokenClaims,
    accessToken: string | undefined,
  ): Promise<Identity> {
    let all: Readonly<Record<string, unknown>> = claims;
    const wanted = this.config.roles.length > 0 || this.config.adminGroup !== undefined;
    const lacking =
      claims["preferred_username"] === undefined || (wanted && claims[this.config.groupsClaim] === undefined);
    if (lacking && provider.userinfo_endpoint !== undefined && accessToken !== undefined) {
      const endpoint = provider.userinfo_endpoint;
      const answer = await this.provider.send(endpoint, { headers: { authorization: `Bearer ${accessToken}` } });
      if (answer.status !== 200) throw unavailable(`${endpoint} answered ${answer.status}`);
      const more = parsed(z.looseObject({ sub: z.string() }), answer.text, endpoint);
      // Another subject's words must not be taken for this one's (OpenID Connect Core 5.3.2).
      if (more.sub !== claims.sub) throw refused("The identity provider speaks of another person than its token.");
      all = { ...more, ...claims };
    }
    const groups = all[this.config.groupsClaim];
    return {
      issuer: provider.issuer,
      subject: claims.sub,
      names: ["preferred_username", "email", "name"].flatMap((key) => {
        const value = all[key];
        return typeof value === "string" ? [value] : [];
      }),
      groups: (Array.isArray(groups) ? groups : [groups]).filter((group) => typeof group === "string").slice(0, 10_000),
      provedMs: claims.auth_time === undefined ? undefined : claims.auth_time * 1000,
    };
  }
}

/** One of the values that belong to a browser's secret. */
export const derived = (secret: string, use: "state" | "nonce" | "pkce"): string =>
  Buffer.from(hkdfSync("sha256", secret, "", `capstan sign-in ${use} v1`, 32)).toString("base64url");

function same(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

/** As a part of HTTP Basic is written in OAuth 2 (RFC 6749 2.3.1). */
const formText = (text: string): string => new URLSearchParams({ v: text }).toString().slice(2);
