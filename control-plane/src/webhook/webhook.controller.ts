import { Controller, Inject } from "@nestjs/common";
import type { DeliveryDetail, RouteResponse, WebhookSteered, WebhookView } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { onceKeyOf } from "../http/once-key.ts";
import { WebhookService } from "./webhook.service.ts";

@Controller()
export class WebhookController {
  private readonly webhooks: WebhookService;

  constructor(@Inject(WebhookService) webhooks: WebhookService) {
    this.webhooks = webhooks;
  }

  @Handles("triggerList")
  async triggers(@Call("triggerList") { project }: CallOf<"triggerList">): Promise<RouteResponse<"triggerList">> {
    return { data: await this.webhooks.triggers(project), nextCursor: null };
  }

  @Handles("triggerDeliveries")
  triggerDeliveries(
    @Call("triggerDeliveries") { project, params, query }: CallOf<"triggerDeliveries">,
  ): Promise<RouteResponse<"triggerDeliveries">> {
    return this.webhooks.deliveries(project, params.trigger, query);
  }

  @Handles("webhookList")
  async list(@Call("webhookList") { project }: CallOf<"webhookList">): Promise<RouteResponse<"webhookList">> {
    return { data: await this.webhooks.list(project), nextCursor: null };
  }

  @Handles("webhookGet")
  show(@Call("webhookGet") { project, params }: CallOf<"webhookGet">): Promise<WebhookView> {
    return this.webhooks.show(project, params.webhook);
  }

  @Handles("webhookDeliveries")
  deliveries(
    @Call("webhookDeliveries") { project, params, query }: CallOf<"webhookDeliveries">,
  ): Promise<RouteResponse<"webhookDeliveries">> {
    return this.webhooks.deliveries(project, params.webhook, query);
  }

  @Handles("webhookRotate")
  async rotate(@Call("webhookRotate") call: CallOf<"webhookRotate">): Promise<RouteResponse<"webhookRotate">> {
    const { project, params, body, actor, reply } = call;
    const key = onceKeyOf("webhookRotate", call);
    const { value, isReplayed } = await this.webhooks.rotate(project, params.webhook, actor, body, key);
    if (isReplayed) void reply.header("idempotency-replayed", "true");
    return value;
  }

  @Handles("webhookTest")
  test(@Call("webhookTest") { project, params, body, actor }: CallOf<"webhookTest">): Promise<DeliveryDetail> {
    return this.webhooks.test(project, params.webhook, actor, body);
  }

  @Handles("webhookEnable")
  enable(@Call("webhookEnable") { project, params, actor }: CallOf<"webhookEnable">): Promise<WebhookSteered> {
    return this.webhooks.setDisabled(project, params.webhook, undefined, actor);
  }

  @Handles("webhookDisable")
  disable(@Call("webhookDisable") { project, params, body, actor }: CallOf<"webhookDisable">): Promise<WebhookSteered> {
    return this.webhooks.setDisabled(project, params.webhook, { actor, reason: body.reason ?? "" }, actor);
  }

  @Handles("deliveryGet")
  delivery(@Call("deliveryGet") { project, params }: CallOf<"deliveryGet">): Promise<DeliveryDetail> {
    return this.webhooks.delivery(project, params.delivery);
  }

  @Handles("deliveryReplay")
  replay(@Call("deliveryReplay") { project, params, actor }: CallOf<"deliveryReplay">): Promise<DeliveryDetail> {
    return this.webhooks.replay(project, params.delivery, actor);
  }
}
