import { Controller, Inject } from "@nestjs/common";
import type { EndpointView, MessageView, RouteResponse } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { tagged } from "../http/etag.ts";
import { Handles } from "../http/handle.ts";
import { onceKeyOf } from "../http/once-key.ts";
import { EndpointService, endpointTag } from "./endpoint.service.ts";

@Controller()
export class EndpointController {
  private readonly endpoints: EndpointService;

  constructor(@Inject(EndpointService) endpoints: EndpointService) {
    this.endpoints = endpoints;
  }

  @Handles("endpointList")
  async list(@Call("endpointList") { project }: CallOf<"endpointList">): Promise<RouteResponse<"endpointList">> {
    return { data: await this.endpoints.list(project), nextCursor: null };
  }

  @Handles("endpointCreate")
  async create(@Call("endpointCreate") call: CallOf<"endpointCreate">): Promise<RouteResponse<"endpointCreate">> {
    const { project, actor, body, reply } = call;
    const { value, isReplayed } = await this.endpoints.create(project, actor, body, onceKeyOf("endpointCreate", call));
    if (isReplayed) void reply.header("idempotency-replayed", "true");
    return value;
  }

  @Handles("endpointGet")
  async show(@Call("endpointGet") call: CallOf<"endpointGet">): Promise<EndpointView | undefined> {
    const endpoint = await this.endpoints.show(call.project, call.params.endpoint);
    return tagged("endpointGet", call, endpointTag(endpoint), endpoint);
  }

  @Handles("endpointChange")
  async change(@Call("endpointChange") call: CallOf<"endpointChange">): Promise<EndpointView | undefined> {
    const { project, params, body, actor, precondition } = call;
    const changed = await this.endpoints.change(project, params.endpoint, { body, actor }, precondition);
    return tagged("endpointChange", call, endpointTag(changed), changed);
  }

  @Handles("endpointDelete")
  remove(@Call("endpointDelete") { project, params, actor, precondition }: CallOf<"endpointDelete">): Promise<void> {
    return this.endpoints.remove(project, params.endpoint, actor, precondition);
  }

  @Handles("endpointRotate")
  async rotate(@Call("endpointRotate") call: CallOf<"endpointRotate">): Promise<RouteResponse<"endpointRotate">> {
    const { project, params, actor, reply } = call;
    const key = onceKeyOf("endpointRotate", call);
    const { value, isReplayed } = await this.endpoints.rotate(project, params.endpoint, actor, key);
    if (isReplayed) void reply.header("idempotency-replayed", "true");
    return value;
  }

  @Handles("endpointTest")
  test(@Call("endpointTest") { project, params, actor }: CallOf<"endpointTest">): Promise<MessageView> {
    return this.endpoints.test(project, params.endpoint, actor);
  }

  @Handles("endpointEnable")
  enable(@Call("endpointEnable") { project, params, actor }: CallOf<"endpointEnable">): Promise<EndpointView> {
    return this.endpoints.enable(project, params.endpoint, actor);
  }

  @Handles("endpointDeliveries")
  async deliveries(
    @Call("endpointDeliveries") { project, params, query }: CallOf<"endpointDeliveries">,
  ): Promise<RouteResponse<"endpointDeliveries">> {
    return { data: await this.endpoints.messages(project, params.endpoint, query.limit), nextCursor: null };
  }

  @Handles("endpointReplay")
  replay(@Call("endpointReplay") { project, params, actor }: CallOf<"endpointReplay">): Promise<MessageView> {
    return this.endpoints.replay(project, params.endpoint, params.message, actor);
  }
}
