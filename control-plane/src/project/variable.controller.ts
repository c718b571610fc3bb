import { Controller, Inject } from "@nestjs/common";
import type { RouteResponse, VariableView } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { tagged } from "../http/etag.ts";
import { Handles } from "../http/handle.ts";
import { VariableService, variableTag } from "./variable.service.ts";

@Controller()
export class VariableController {
  private readonly variables: VariableService;

  constructor(@Inject(VariableService) variables: VariableService) {
    this.variables = variables;
  }

  @Handles("variableList")
  async list(@Call("variableList") { project }: CallOf<"variableList">): Promise<RouteResponse<"variableList">> {
    return { data: await this.variables.list(project), nextCursor: null };
  }

  @Handles("variableGet")
  async show(@Call("variableGet") call: CallOf<"variableGet">): Promise<VariableView | undefined> {
    const variable = await this.variables.show(call.project, call.params.variable);
    return tagged("variableGet", call, variableTag(variable), variable);
  }

  @Handles("variableSet")
  async set(@Call("variableSet") call: CallOf<"variableSet">): Promise<VariableView | undefined> {
    const { project, params, body, actor, precondition } = call;
    const set = await this.variables.set(project, { name: params.variable, value: body.value }, actor, precondition);
    return tagged("variableSet", call, variableTag(set), set);
  }

  @Handles("variableDelete")
  remove(@Call("variableDelete") { project, params, actor, precondition }: CallOf<"variableDelete">): Promise<void> {
    return this.variables.remove(project, params.variable, actor, precondition);
  }
}
