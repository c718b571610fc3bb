import { Controller, Inject } from "@nestjs/common";
import { permissionsOf, projectRoles, type MemberView, type RouteResponse } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { onceKeyOf } from "../http/once-key.ts";
import { MemberService } from "./member.service.ts";

@Controller()
export class MemberController {
  private readonly members: MemberService;

  constructor(@Inject(MemberService) members: MemberService) {
    this.members = members;
  }

  @Handles("memberList")
  async list(@Call("memberList") { project }: CallOf<"memberList">): Promise<RouteResponse<"memberList">> {
    return { data: await this.members.list(project), nextCursor: null };
  }

  @Handles("roleList")
  roles(): RouteResponse<"roleList"> {
    return { data: projectRoles.map((role) => ({ role, permissions: [...permissionsOf(role)] })), nextCursor: null };
  }

  @Handles("memberSet")
  set(@Call("memberSet") { project, params, body, actor }: CallOf<"memberSet">): Promise<MemberView> {
    return this.members.set(project, params.user, body, actor);
  }

  @Handles("memberDelete")
  remove(@Call("memberDelete") { project, params, actor }: CallOf<"memberDelete">): Promise<void> {
    return this.members.remove(project, params.user, actor);
  }

  @Handles("serviceAccountCreate")
  async createService(@Call("serviceAccountCreate") call: CallOf<"serviceAccountCreate">): Promise<MemberView> {
    const { project, body, actor, reply } = call;
    const key = onceKeyOf("serviceAccountCreate", call);
    const { value, isReplayed } = await this.members.createService(project, body, actor, key);
    if (isReplayed) void reply.header("idempotency-replayed", "true");
    return value;
  }
}
