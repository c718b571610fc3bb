import { Controller, Inject } from "@nestjs/common";
import type { ApiTokenMade, RouteResponse } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { onceKeyOf } from "../http/once-key.ts";
import { ApiTokenService } from "./api-token.service.ts";

@Controller()
export class ApiTokenController {
  private readonly tokens: ApiTokenService;

  constructor(@Inject(ApiTokenService) tokens: ApiTokenService) {
    this.tokens = tokens;
  }

  @Handles("tokenCreate")
  async create(@Call("tokenCreate") call: CallOf<"tokenCreate">): Promise<ApiTokenMade> {
    const { project, principal, body, reply } = call;
    void reply.header("cache-control", "no-store");
    const { value, isReplayed } = await this.tokens.create(project, principal, body, onceKeyOf("tokenCreate", call));
    if (isReplayed) void reply.header("idempotency-replayed", "true");
    return value;
  }

  @Handles("tokenList")
  async list(@Call("tokenList") { project }: CallOf<"tokenList">): Promise<RouteResponse<"tokenList">> {
    return { data: await this.tokens.ofProject(project), nextCursor: null };
  }

  @Handles("tokenRevoke")
  revoke(@Call("tokenRevoke") { project, params, actor }: CallOf<"tokenRevoke">): Promise<void> {
    return this.tokens.revoke(project, params.token, actor);
  }

  @Handles("myTokenList")
  async mine(@Call("myTokenList") { principal }: CallOf<"myTokenList">): Promise<RouteResponse<"myTokenList">> {
    return { data: await this.tokens.mine(principal), nextCursor: null };
  }

  @Handles("myTokenRevoke")
  revokeMine(@Call("myTokenRevoke") { principal, params }: CallOf<"myTokenRevoke">): Promise<void> {
    return this.tokens.revokeMine(principal, params.token);
  }
}
