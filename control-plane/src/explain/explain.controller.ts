import { Controller, Inject } from "@nestjs/common";
import type { Explanation, QueueView, RunExplanation } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { ExplainService } from "./explain.service.ts";
import { QueueService } from "./queue.service.ts";

@Controller()
export class ExplainController {
  private readonly explain: ExplainService;
  private readonly queue: QueueService;

  constructor(@Inject(ExplainService) explain: ExplainService, @Inject(QueueService) queue: QueueService) {
    this.explain = explain;
    this.queue = queue;
  }

  @Handles("runExplain")
  run(@Call("runExplain") { project, params }: CallOf<"runExplain">): Promise<RunExplanation> {
    return this.explain.run(project, params.run);
  }

  @Handles("taskExplain")
  task(@Call("taskExplain") { project, params }: CallOf<"taskExplain">): Promise<Explanation> {
    return this.explain.task(project, params.run, params.task);
  }

  @Handles("queueGet")
  waiting(@Call("queueGet") { project }: CallOf<"queueGet">): Promise<QueueView> {
    return this.queue.show(project.id);
  }
}
