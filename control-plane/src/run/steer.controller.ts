import { Controller, Inject } from "@nestjs/common";
import type { Steered } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { SteerService } from "./steer.service.ts";

@Controller()
export class SteerController {
  private readonly steer: SteerService;

  constructor(@Inject(SteerService) steer: SteerService) {
    this.steer = steer;
  }

  @Handles("runPause")
  pause(@Call("runPause") { project, params, body, actor }: CallOf<"runPause">): Promise<Steered> {
    return this.steer.pause(project, params.run, { actor, reason: body.reason ?? "" });
  }

  @Handles("runResume")
  resume(@Call("runResume") { project, params, actor }: CallOf<"runResume">): Promise<Steered> {
    return this.steer.resume(project, params.run, actor);
  }

  @Handles("taskRetryNow")
  retryNow(@Call("taskRetryNow") { project, params, actor }: CallOf<"taskRetryNow">): Promise<Steered> {
    return this.steer.retryNow(project, params.run, params.task, actor);
  }

  @Handles("taskMark")
  mark(@Call("taskMark") { project, params, body, actor }: CallOf<"taskMark">): Promise<Steered> {
    return this.steer.mark(project, params.run, params.task, { ...body, actor });
  }
}
