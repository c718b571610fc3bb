import { Controller, Inject } from "@nestjs/common";
import type { OperationStarted, OperationView } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { onceKeyOf, type OnceKey } from "../http/once-key.ts";
import { OperationService, type OperationRequest } from "./operation.service.ts";

type AnyCall = CallOf<"runsCancel" | "runsRetry" | "runsRerun">;

@Controller()
export class OperationController {
  private readonly operations: OperationService;

  constructor(@Inject(OperationService) operations: OperationService) {
    this.operations = operations;
  }

  @Handles("runsCancel")
  cancel(@Call("runsCancel") call: CallOf<"runsCancel">): Promise<OperationStarted> {
    return this.ask(call, "cancel", onceKeyOf("runsCancel", call));
  }

  @Handles("runsRetry")
  retry(@Call("runsRetry") call: CallOf<"runsRetry">): Promise<OperationStarted> {
    return this.ask(call, "retry", onceKeyOf("runsRetry", call));
  }

  @Handles("runsRerun")
  rerun(@Call("runsRerun") call: CallOf<"runsRerun">): Promise<OperationStarted> {
    return this.ask(call, "rerun", onceKeyOf("runsRerun", call));
  }

  @Handles("operationGet")
  show(@Call("operationGet") { project, params }: CallOf<"operationGet">): Promise<OperationView> {
    return this.operations.show(project, params.operation);
  }

  private async ask(
    { project, body, actor, principal, reply }: AnyCall,
    action: OperationRequest["action"],
    key: OnceKey | undefined,
  ): Promise<OperationStarted> {
    const { filter, dryRun, expectCount, ...options } = body;
    const by = { actor, caller: principal.userId };
    const request = { action, filter, dryRun: dryRun === true, expectCount, options };
    const { value, isReplayed } = await this.operations.ask(project, by, request, key);
    if (isReplayed) void reply.header("idempotency-replayed", "true");
    if (value.operation === null) void reply.status(200);
    else void reply.header("location", `/api/v1/projects/${project.name}/operations/${value.operation}`);
    return value;
  }
}
