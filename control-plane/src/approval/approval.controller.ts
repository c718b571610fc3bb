import { Controller, Inject } from "@nestjs/common";
import type { Decided, JsonObject, RouteResponse } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { ApprovalService } from "./approval.service.ts";

@Controller()
export class ApprovalController {
  private readonly approvals: ApprovalService;

  constructor(@Inject(ApprovalService) approvals: ApprovalService) {
    this.approvals = approvals;
  }

  @Handles("approvalList")
  async list(
    @Call("approvalList") { project, principal, actor }: CallOf<"approvalList">,
  ): Promise<RouteResponse<"approvalList">> {
    return { data: await this.approvals.list(project, principal, actor), nextCursor: null };
  }

  @Handles("taskApprove")
  approve(@Call("taskApprove") call: CallOf<"taskApprove">): Promise<Decided> {
    const { project, params, principal, actor, body } = call;
    return this.approvals.answer(project, params.run, params.task, principal, {
      decision: "approved",
      actor,
      comment: body.comment ?? "",
      form: (body.form ?? {}) as JsonObject, // JSON by its schema
    });
  }

  @Handles("taskReject")
  reject(@Call("taskReject") call: CallOf<"taskReject">): Promise<Decided> {
    const { project, params, principal, actor, body } = call;
    return this.approvals.answer(project, params.run, params.task, principal, {
      decision: "rejected",
      actor,
      comment: body.comment ?? "",
      form: {},
    });
  }
}
