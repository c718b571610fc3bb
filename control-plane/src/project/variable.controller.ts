import { Controller, Inject } from "@nestjs/common";
import type { RouteResponse, VariableView } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { VariableService } from "./variable.service.ts";

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
  show(@Call("variableGet") { project, params }: CallOf<"variableGet">): Promise<VariableView> {
    return this.variables.show(project, params.variable);
  }

  @Handles("variableSet")
  set(@Call("variableSet") { project, params, body, actor }: CallOf<"variableSet">): Promise<VariableView> {
    return this.variables.set(project, params.variable, body.value, actor);
  }

  @Handles("variableDelete")
  remove(@Call("variableDelete") { project, params, actor }: CallOf<"variableDelete">): Promise<void> {
    return this.variables.remove(project, params.variable, actor);
  }
}
