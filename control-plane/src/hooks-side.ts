// What comes from others and goes to them, made from its parts for the composition root.
import type { Provider, Type } from "@nestjs/common";
import type { Logger } from "pino";
import type { CommitSignals } from "./commit/commit-signals.ts";
import type { Loop } from "./dispatch/loop.ts";
import type { DirectEgress } from "./egress/egress.ts";
import { makeEndpointSide } from "./endpoint/endpoint-side.ts";
import type { EndpointStore } from "./endpoint/endpoint.store.ts";
import { relayLoop } from "./relay/relay-loop.ts";
import type { RelayStore } from "./relay/relay.store.ts";
import { makeWebhookSide, type WebhookSideParts } from "./webhook/webhook-side.ts";

export interface HooksSide {
  readonly loops: readonly Loop[];
  readonly controllers: readonly Type[];
  readonly providers: readonly Provider[];
}

export function makeHooksSide(parts: {
  readonly webhooks: WebhookSideParts;
  readonly endpoints: EndpointStore;
  readonly relay: RelayStore;
  readonly egress: DirectEgress;
  readonly signals: CommitSignals;
  readonly log: Logger;
}): HooksSide {
  const { webhooks, egress, signals, log } = parts;
  const { sealKey, newId, publicUrl } = webhooks;
  const incoming = makeWebhookSide(webhooks);
  const outgoing = makeEndpointSide({ store: parts.endpoints, egress, sealKey, publicUrl, newId, log });
  return {
    loops: [outgoing.loop, relayLoop(parts.relay, signals, () => outgoing.loop.wake(), log)],
    controllers: [...incoming.controllers, ...outgoing.controllers],
    providers: [...incoming.providers, ...outgoing.providers],
  };
}
