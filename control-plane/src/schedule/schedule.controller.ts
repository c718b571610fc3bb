import { Controller, Inject } from "@nestjs/common";
import type { RouteResponse, ScheduleExplanation, ScheduleSteered, ScheduleView } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { ScheduleService } from "./schedule.service.ts";

@Controller()
export class ScheduleController {
  private readonly schedules: ScheduleService;

  constructor(@Inject(ScheduleService) schedules: ScheduleService) {
    this.schedules = schedules;
  }

  @Handles("scheduleExplain")
  explain(@Call("scheduleExplain") { project, params }: CallOf<"scheduleExplain">): Promise<ScheduleExplanation> {
    return this.schedules.explain(project, params.schedule);
  }

  @Handles("scheduleList")
  async list(@Call("scheduleList") { project, query }: CallOf<"scheduleList">): Promise<RouteResponse<"scheduleList">> {
    return { data: await this.schedules.list(project, query.workflow), nextCursor: null };
  }

  @Handles("scheduleGet")
  show(@Call("scheduleGet") { project, params }: CallOf<"scheduleGet">): Promise<ScheduleView> {
    return this.schedules.show(project, params.schedule);
  }

  @Handles("scheduleNext")
  next(
    @Call("scheduleNext") { project, params, query }: CallOf<"scheduleNext">,
  ): Promise<RouteResponse<"scheduleNext">> {
    return this.schedules.next(project, params.schedule, query);
  }

  @Handles("scheduleMisses")
  async misses(
    @Call("scheduleMisses") { project, params }: CallOf<"scheduleMisses">,
  ): Promise<RouteResponse<"scheduleMisses">> {
    return { data: await this.schedules.misses(project, params.schedule), nextCursor: null };
  }

  @Handles("schedulePause")
  pause(@Call("schedulePause") { project, params, body, actor }: CallOf<"schedulePause">): Promise<ScheduleSteered> {
    return this.schedules.setPause(project, params.schedule, { actor, reason: body.reason ?? "" }, actor);
  }

  @Handles("scheduleResume")
  resume(@Call("scheduleResume") { project, params, actor }: CallOf<"scheduleResume">): Promise<ScheduleSteered> {
    return this.schedules.setPause(project, params.schedule, undefined, actor);
  }
}
