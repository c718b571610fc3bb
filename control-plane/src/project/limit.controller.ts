import { Controller, Inject } from "@nestjs/common";
import type { LimitDetail, LimitView, RouteResponse } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { LimitService } from "./limit.service.ts";

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
  show(@Call("limitGet") { project, params }: CallOf<"limitGet">): Promise<LimitDetail> {
    return this.limits.show(project, params.limit);
  }

  @Handles("limitSet")
  set(@Call("limitSet") { project, params, body, actor }: CallOf<"limitSet">): Promise<LimitView> {
    return this.limits.set(project, params.limit, body, actor);
  }

  @Handles("limitDelete")
  remove(@Call("limitDelete") { project, params, actor }: CallOf<"limitDelete">): Promise<void> {
    return this.limits.remove(project, params.limit, actor);
  }
}
