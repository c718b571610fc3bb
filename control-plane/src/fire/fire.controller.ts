import { Controller, Inject } from "@nestjs/common";
import { idFromUuid, type RunView } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { onceKeyOf } from "../http/once-key.ts";
import { RunService } from "../run/run.service.ts";
import { FireService } from "./fire.service.ts";
import { runIdOf } from "../trigger/run-request.controller.ts";
import { StartLimits } from "../trigger/start-limits.ts";

/** A schedule's run by hand. */
@Controller()
export class FireController {
  private readonly fires: FireService;
  private readonly runs: RunService;
  private readonly limits: StartLimits;

  constructor(
    @Inject(FireService) fires: FireService,
    @Inject(RunService) runs: RunService,
    @Inject(StartLimits) limits: StartLimits,
  ) {
    this.fires = fires;
    this.runs = runs;
    this.limits = limits;
  }

  @Handles("scheduleFire")
  async fire(@Call("scheduleFire") call: CallOf<"scheduleFire">): Promise<RunView> {
    const { project, params, principal, actor, reply } = call;
    this.limits.admit(project, principal, 1, (headers) => void reply.headers(headers));
    const fired = await this.fires.fire(project, params.schedule, actor, onceKeyOf("scheduleFire", call));
    const id = idFromUuid("run", runIdOf(fired.outcome, fired.workflow));
    if (fired.outcome.kind === "replayed") void reply.header("idempotency-replayed", "true");
    void reply.header("location", `/api/v1/projects/${project.name}/runs/${id}`);
    return this.runs.show(project, id);
  }
}
