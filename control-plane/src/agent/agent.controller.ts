import { Controller, Inject } from "@nestjs/common";
import type { AgentDetail, AgentView, JoinTokenMade, RouteResponse } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { onceKeyOf } from "../http/once-key.ts";
import { AgentService } from "./agent.service.ts";

@Controller()
export class AgentController {
  private readonly agents: AgentService;

  constructor(@Inject(AgentService) agents: AgentService) {
    this.agents = agents;
  }

  @Handles("poolList")
  async pools(@Call("poolList") { project }: CallOf<"poolList">): Promise<RouteResponse<"poolList">> {
    return { data: await this.agents.pools(project), nextCursor: null };
  }

  @Handles("joinTokenCreate")
  async makeToken(@Call("joinTokenCreate") call: CallOf<"joinTokenCreate">): Promise<JoinTokenMade> {
    const { project, params, body, actor, reply } = call;
    void reply.header("cache-control", "no-store");
    const key = onceKeyOf("joinTokenCreate", call);
    const { value, isReplayed } = await this.agents.makeToken(project, params.pool, body, actor, key);
    if (isReplayed) void reply.header("idempotency-replayed", "true");
    return value;
  }

  @Handles("joinTokenList")
  async tokens(
    @Call("joinTokenList") { project, params }: CallOf<"joinTokenList">,
  ): Promise<RouteResponse<"joinTokenList">> {
    return { data: await this.agents.tokens(project, params.pool), nextCursor: null };
  }

  @Handles("joinTokenDelete")
  deleteToken(@Call("joinTokenDelete") { project, params, actor }: CallOf<"joinTokenDelete">): Promise<void> {
    return this.agents.deleteToken(project, params.pool, params.token, actor);
  }

  @Handles("agentList")
  async list(@Call("agentList") { project, query }: CallOf<"agentList">): Promise<RouteResponse<"agentList">> {
    return { data: await this.agents.list(project, query), nextCursor: null };
  }

  @Handles("agentGet")
  show(@Call("agentGet") { project, params }: CallOf<"agentGet">): Promise<AgentDetail> {
    return this.agents.show(project, params.agent);
  }

  @Handles("agentRelabel")
  relabel(@Call("agentRelabel") { project, params, body, actor }: CallOf<"agentRelabel">): Promise<AgentView> {
    return this.agents.relabel(project, params.agent, body, actor);
  }

  @Handles("agentApprove")
  approve(@Call("agentApprove") { project, params, actor }: CallOf<"agentApprove">): Promise<AgentView> {
    return this.agents.approve(project, params.agent, actor);
  }

  @Handles("agentRevoke")
  revoke(@Call("agentRevoke") { project, params, body, actor }: CallOf<"agentRevoke">): Promise<void> {
    return this.agents.revoke(project, params.agent, actor, body.reason ?? "");
  }

  @Handles("agentDrain")
  drain(@Call("agentDrain") { project, params, body, actor }: CallOf<"agentDrain">): Promise<AgentView> {
    return this.agents.drain(project, params.agent, actor, body.reason ?? "");
  }

  @Handles("agentResume")
  resume(@Call("agentResume") { project, params, actor }: CallOf<"agentResume">): Promise<AgentView> {
    return this.agents.resume(project, params.agent, actor);
  }
}
