import { Controller, Inject } from "@nestjs/common";
import type { LimitDetail, LimitView, RouteResponse } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { tagged } from "../http/etag.ts";
import { Handles } from "../http/handle.ts";
import { LimitService, limitTag } from "./limit.service.ts";

@Controller()
export class LimitController {
  private readonly limits: LimitService;

  constructor(@Inject(LimitService) limits: LimitService) {
    this.limits = limits;
  }

  @Handles("limitList")
  async list(@Call("limitList") { project }: CallOf<"limitList">): Promise<RouteResponse<"limitList">> {
    return { data: await this.limits.list(project), nextCursor: null };
  }

  @Handles("limitGet")
  async show(@Call("limitGet") call: CallOf<"limitGet">): Promise<LimitDetail | undefined> {
    const limit = await this.limits.show(call.project, call.params.limit);
    return tagged("limitGet", call, limitTag(limit), limit);
  }

  @Handles("limitSet")
  async set(@Call("limitSet") call: CallOf<"limitSet">): Promise<LimitView | undefined> {
    const { project, params, body, actor, precondition } = call;
    const set = await this.limits.set(project, { ...body, name: params.limit }, actor, precondition);
    return tagged("limitSet", call, limitTag(set), set);
  }

  @Handles("limitDelete")
  remove(@Call("limitDelete") { project, params, actor, precondition }: CallOf<"limitDelete">): Promise<void> {
    return this.limits.remove(project, params.limit, actor, precondition);
  }
}
