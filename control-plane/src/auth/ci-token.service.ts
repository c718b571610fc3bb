// A pipeline deploys with the token of its own CI system, which it trades for one of ours (the exchange of RFC 8693, as JSON).
//  C1. Which pipeline is which service account is the operator's configuration: issuer, exact claims, project. No rule that
//      fits means no token, and the answer does not tell which rule came nearest.
//  C2. The token of the CI system must be made for this installation: its audience is our public address.
//  C3. What is given lives for 15 minutes and allows what the rule says, as far as the account's role goes.
import { AppError, type CiToken } from "@capstan/proto";
import type { CiRule } from "../config-ci.ts";
import type { Egress } from "../egress/egress.ts";
import type { AuthStore } from "./auth.store.ts";
import type { ApiTokenService } from "./api-token.service.ts";
import { verifyWorkloadToken, type WorkloadClaims } from "./id-token.ts";
import { discoverySchema, Provider } from "./provider.ts";

const refused = (detail: string, cause?: unknown): AppError =>
  new AppError("sign_in_refused", detail, cause === undefined ? {} : { cause });

export interface CiTokenParts {
  readonly rules: readonly CiRule[];
  readonly tokens: ApiTokenService;
  readonly store: Pick<AuthStore, "project">;
  readonly egress: Egress;
  readonly publicUrl: () => string;
}

export class CiTokenService {
  private readonly parts: CiTokenParts;
  private readonly providers: ReadonlyMap<string, Provider>;

  constructor(parts: CiTokenParts) {
    this.parts = parts;
    const issuers = new Set(parts.rules.map(({ issuer }) => issuer));
    this.providers = new Map(
      [...issuers].map((issuer) => [issuer, new Provider(issuer, discoverySchema, parts.egress)]),
    );
  }

  /** @throws sign_in_refused oidc_unavailable */
  async exchange(subjectToken: string, projectName: string): Promise<CiToken> {
    const claims = await this.claimsOf(subjectToken);
    const rule = this.parts.rules.find(
      ({ issuer, project, claims: wanted }) =>
        issuer === claims["iss"] &&
        project === projectName &&
        Object.entries(wanted).every(([name, value]) => claims[name] === value),
    );
    if (rule === undefined)
      throw refused(`No pipeline with these claims may deploy to ${projectName.slice(0, 128)} (CAPSTAN_CI__TRUST).`);
    const project = await this.parts.store.project(rule.project);
    const made =
      project === undefined
        ? undefined
        : await this.parts.tokens.ofPipeline(project.id, {
            account: rule.serviceAccount,
            name: `pipeline ${claims.sub}`.slice(0, 100),
            scopes: rule.scopes,
          });
    if (made === undefined)
      throw refused(`${rule.serviceAccount} is no service account of ${rule.project}; its administrator adds it.`);
    return {
      token: made.token,
      user: made.user,
      project: made.project,
      scopes: made.scopes,
      expiresAt: made.expiresAt,
    };
  }

  private async claimsOf(token: string): Promise<WorkloadClaims> {
    // The issuer is read before it is proved only to know whose keys to prove it with.
    const provider = this.providers.get(issuerIn(token) ?? "");
    if (provider === undefined) throw refused("The token is of no CI system that is trusted here (CAPSTAN_CI__TRUST).");
    const expected = { issuer: provider.issuer, audience: this.parts.publicUrl() };
    try {
      return await provider.verified((keys) => verifyWorkloadToken(token, keys, expected));
    } catch (error) {
      if (error instanceof AppError) throw error;
      throw refused(`The token is not valid here: its audience must be ${expected.audience}.`, error);
    }
  }
}

function issuerIn(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    return typeof claims === "object" && claims !== null && "iss" in claims && typeof claims.iss === "string"
      ? claims.iss
      : undefined;
  } catch {
    return undefined;
  }
}
