import { Controller, Inject } from "@nestjs/common";
import { permissionsOf, projectRoles, type MemberView, type RouteResponse } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { tagged } from "../http/etag.ts";
import { Handles } from "../http/handle.ts";
import { onceKeyOf } from "../http/once-key.ts";
import { memberTag, MemberService } from "./member.service.ts";

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

  @Handles("memberGet")
  async show(@Call("memberGet") call: CallOf<"memberGet">): Promise<MemberView | undefined> {
    const member = await this.members.show(call.project, call.params.user);
    return tagged("memberGet", call, memberTag(member), member);
  }

  @Handles("memberSet")
  async set(@Call("memberSet") call: CallOf<"memberSet">): Promise<MemberView | undefined> {
    const { project, params, body, actor, precondition } = call;
    const set = await this.members.set(project, { ...body, user: params.user }, actor, precondition);
    return tagged("memberSet", call, memberTag(set), set);
  }

  @Handles("memberDelete")
  remove(@Call("memberDelete") { project, params, actor, precondition }: CallOf<"memberDelete">): Promise<void> {
    return this.members.remove(project, params.user, actor, precondition);
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
