import { Controller, Inject } from "@nestjs/common";
import type { BackfillPlanned, BackfillSteered, BackfillView, RouteResponse } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { onceKeyOf, type Once } from "../http/once-key.ts";
import { BackfillService } from "./backfill.service.ts";

const limitDefault = 50;

@Controller()
export class BackfillController {
  private readonly backfills: BackfillService;

  constructor(@Inject(BackfillService) backfills: BackfillService) {
    this.backfills = backfills;
  }

  @Handles("backfillList")
  list(@Call("backfillList") { project, query }: CallOf<"backfillList">): Promise<RouteResponse<"backfillList">> {
    const filter = { workflow: query.workflow, states: query.state };
    return this.backfills.list(project, filter, { limit: query.limit ?? limitDefault, cursor: query.cursor });
  }

  @Handles("backfillStart")
  async start(@Call("backfillStart") call: CallOf<"backfillStart">): Promise<BackfillPlanned> {
    return answer(
      call,
      await this.backfills.start(call.project, call.actor, call.body, onceKeyOf("backfillStart", call)),
    );
  }

  @Handles("backfillGet")
  show(@Call("backfillGet") { project, params }: CallOf<"backfillGet">): Promise<BackfillView> {
    return this.backfills.show(project, params.backfill);
  }

  @Handles("backfillRuns")
  runs(
    @Call("backfillRuns") { project, params, query }: CallOf<"backfillRuns">,
  ): Promise<RouteResponse<"backfillRuns">> {
    const page = { limit: query.limit ?? limitDefault, cursor: query.cursor };
    return this.backfills.runs(project, params.backfill, query.outcome, page);
  }

  @Handles("backfillPause")
  pause(@Call("backfillPause") { project, params, body, actor }: CallOf<"backfillPause">): Promise<BackfillSteered> {
    return this.backfills.pause(project, params.backfill, actor, body.reason ?? "");
  }

  @Handles("backfillResume")
  resume(@Call("backfillResume") { project, params, actor }: CallOf<"backfillResume">): Promise<BackfillSteered> {
    return this.backfills.resume(project, params.backfill, actor);
  }

  @Handles("backfillCancel")
  cancel(@Call("backfillCancel") { project, params, body, actor }: CallOf<"backfillCancel">): Promise<BackfillSteered> {
    return this.backfills.cancel(project, params.backfill, actor, body.reason ?? "");
  }

  @Handles("backfillRetry")
  async retry(@Call("backfillRetry") call: CallOf<"backfillRetry">): Promise<BackfillPlanned> {
    const key = onceKeyOf("backfillRetry", call);
    return answer(call, await this.backfills.retry(call.project, call.params.backfill, call.actor, key));
  }
}

function answer(
  { project, reply }: CallOf<"backfillStart" | "backfillRetry">,
  { value, isReplayed }: Once<BackfillPlanned>,
): BackfillPlanned {
  if (isReplayed) void reply.header("idempotency-replayed", "true");
  if (value.backfill === null) void reply.status(200);
  else void reply.header("location", `/api/v1/projects/${project.name}/backfills/${value.backfill}`);
  return value;
}
