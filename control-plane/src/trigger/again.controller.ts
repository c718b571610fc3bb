import { Controller, Inject } from "@nestjs/common";
import { AppError, idFromUuid, type RunView } from "@capstan/proto";
import { checkPermission } from "../auth/permission.guard.ts";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { onceKeyOf } from "../http/once-key.ts";
import { RunService } from "../run/run.service.ts";
import { AgainService, type StartedAgain } from "./again.service.ts";
import { runIdOf } from "./run-request.controller.ts";
import { StartLimits } from "./start-limits.ts";

@Controller()
export class AgainController {
  private readonly again: AgainService;
  private readonly runs: RunService;
  private readonly limits: StartLimits;

  constructor(
    @Inject(AgainService) again: AgainService,
    @Inject(RunService) runs: RunService,
    @Inject(StartLimits) limits: StartLimits,
  ) {
    this.again = again;
    this.runs = runs;
    this.limits = limits;
  }

  @Handles("runRetry")
  async retry(@Call("runRetry") call: CallOf<"runRetry">): Promise<RunView> {
    const { project, params, body, actor, principal } = call;
    const marks = body.mark ?? {};
    if (Object.keys(marks).length > 0) checkPermission("runs:mark", principal, project);
    this.limits.admit(project, principal, 1, (headers) => void call.reply.headers(headers));
    const mode = body.mode ?? (body.from === undefined ? "failed" : "from");
    if ((mode === "from") !== (body.from !== undefined)) {
      throw new AppError("malformed", "/from: it names the task to begin with, for the mode from and no other");
    }
    const request = {
      mode,
      from: body.from,
      marks,
      version: body.version ?? "same",
    } as const;
    return this.answer(call, await this.again.retry(project, params.run, actor, request, onceKeyOf("runRetry", call)));
  }

  @Handles("runRerun")
  async rerun(@Call("runRerun") call: CallOf<"runRerun">): Promise<RunView> {
    const { project, params, body, actor, principal } = call;
    this.limits.admit(project, principal, 1, (headers) => void call.reply.headers(headers));
    const kind = call.request.headers["x-capstan-trigger"] === "manual" ? "manual" : "api";
    const by = { actor, kind } as const;
    return this.answer(
      call,
      await this.again.rerun(project, params.run, by, body.version ?? "same", onceKeyOf("runRerun", call)),
    );
  }

  private answer(call: CallOf<"runRetry" | "runRerun">, { outcome }: StartedAgain): Promise<RunView> {
    const id = idFromUuid("run", runIdOf(outcome));
    if (outcome.kind === "replayed") void call.reply.header("idempotency-replayed", "true");
    void call.reply.header("location", `/api/v1/projects/${call.project.name}/runs/${id}`);
    return this.runs.show(call.project, id);
  }
}
