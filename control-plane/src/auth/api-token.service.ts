// API tokens: made, listed, revoked.
//  K1. A token never allows more than what its maker may do when it is made, nor, later, than what its holder may do.
//  K2. A token that makes tokens hands on at most its own scopes.
import { hkdfSync } from "node:crypto";
import {
  AppError,
  tokenLifeMs,
  type ApiTokenMade,
  type ApiTokenView,
  type CreateTokenBody,
  type Permission,
} from "@capstan/proto";
import { actorOf } from "../http/call.ts";
import type { Once, OnceKey } from "../http/once-key.ts";
import { mayIn, type Principal, type ProjectScope } from "../http/request-context.ts";
import type { ApiTokenStore, TokenRow } from "./api-token.store.ts";
import type { AuthService } from "./auth.service.ts";
import { apiToken, hashToken, newTokenId } from "./opaque-token.ts";
import { checkPermission } from "./permission.guard.ts";

const pipelineLifeMs = 15 * 60_000;

export class ApiTokenService {
  private readonly store: ApiTokenStore;
  private readonly auth: AuthService;
  private readonly key: Buffer;

  /** @param sealKey of the keys folder */
  constructor(store: ApiTokenStore, auth: AuthService, sealKey: Buffer) {
    this.store = store;
    this.auth = auth;
    this.key = Buffer.from(hkdfSync("sha256", sealKey, "", "capstan api token v1", 32));
  }

  /** @throws forbidden for a scope that the maker has not, not_found for an unknown service account */
  async create(
    project: ProjectScope,
    principal: Principal,
    body: CreateTokenBody,
    key: OnceKey | undefined,
  ): Promise<Once<ApiTokenMade>> {
    const scopes = [...new Set(body.scopes)];
    const missing = scopes.filter((scope) => !mayIn(project, scope));
    if (missing.length > 0) {
      throw new AppError(
        "forbidden",
        `You cannot give what you do not have in project ${project.name}: ${missing.join(", ")}.`,
        { evidence: { permissions: missing, project: project.name, role: project.role } },
      );
    }
    const id = newTokenId();
    const made = await this.store.create(
      project.id,
      {
        id,
        sha256: hashToken(apiToken(id, this.key).text),
        userId: await this.holderOf(project, principal, body.serviceAccount),
        name: body.name,
        scopes,
        lifeMs: body.expiresInMs ?? tokenLifeMs.default,
        createdBy: actorOf(principal),
      },
      key,
    );
    const view = tokenView(made.value);
    return { value: { ...view, token: apiToken(view.id, this.key).text }, isReplayed: made.isReplayed };
  }

  /** A short one for a pipeline, of a service account; undefined where the project has none of this name. */
  async ofPipeline(
    projectId: string,
    pipeline: { readonly account: string; readonly name: string; readonly scopes: readonly Permission[] },
  ): Promise<ApiTokenMade | undefined> {
    const holder = await this.store.serviceAccount(projectId, pipeline.account);
    if (holder === undefined) return undefined;
    const id = newTokenId();
    const { text } = apiToken(id, this.key);
    const { value } = await this.store.create(
      projectId,
      {
        id,
        sha256: hashToken(text),
        userId: holder.userId,
        name: pipeline.name,
        scopes: pipeline.scopes,
        lifeMs: pipelineLifeMs,
        createdBy: `user:${pipeline.account}`,
      },
      undefined,
    );
    return { ...tokenView(value), token: text };
  }

  async ofProject(project: ProjectScope): Promise<ApiTokenView[]> {
    return (await this.store.ofProject(project.id)).map(tokenView);
  }

  async mine(principal: Principal): Promise<ApiTokenView[]> {
    checkInPerson(principal);
    const projects = (await this.auth.projects(principal)).map(({ id }) => id);
    return (await this.store.ofUser(projects, principal.userId)).map(tokenView);
  }

  /** @throws not_found */
  async revoke(project: ProjectScope, id: string, actor: string): Promise<void> {
    if (!(await this.store.revoke(project.id, id, actor))) throw noToken(id);
    this.auth.forget();
  }

  /** @throws not_found */
  async revokeMine(principal: Principal, id: string): Promise<void> {
    checkInPerson(principal);
    for (const project of await this.auth.projects(principal)) {
      if (!(await this.store.revoke(project.id, id, actorOf(principal), principal.userId))) continue;
      this.auth.forget();
      return;
    }
    throw noToken(id);
  }

  private async holderOf(project: ProjectScope, principal: Principal, account: string | undefined): Promise<string> {
    if (account === undefined) return principal.userId;
    checkPermission("members:write", principal, project);
    const found = await this.store.serviceAccount(project.id, account);
    if (found === undefined) {
      throw new AppError(
        "not_found",
        `There is no service account ${account} in project ${project.name}. \`capstan members add ${account} --service --role viewer\` makes it.`,
      );
    }
    return found.userId;
  }
}

/** The tokens of a person are that person's to see: a token of theirs is not enough. */
function checkInPerson(principal: Principal): void {
  if (principal.grant !== undefined)
    throw new AppError("forbidden", "An API token neither shows nor revokes the tokens of its holder; sign in.");
}

const tokenView = ({ scopes, ...row }: TokenRow): ApiTokenView => ({ ...row, scopes: [...scopes] });

const noToken = (id: string): AppError => new AppError("not_found", `There is no API token ${id} that is still good.`);
