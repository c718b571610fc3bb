// Everything of endpoints in one place, for the composition root.
import type { Provider, Type } from "@nestjs/common";
import type { Logger } from "pino";
import { Seal } from "../auth/seal.ts";
import type { Loop } from "../dispatch/loop.ts";
import type { DirectEgress } from "../egress/egress.ts";
import { EndpointController } from "./endpoint.controller.ts";
import { EndpointSecrets } from "./endpoint-secrets.ts";
import { EndpointService } from "./endpoint.service.ts";
import type { EndpointStore } from "./endpoint.store.ts";
import { sendLoop } from "./send-loop.ts";

export interface EndpointSide {
  readonly loop: Loop;
  readonly controllers: readonly Type[];
  readonly providers: readonly Provider[];
}

export function makeEndpointSide(parts: {
  readonly store: EndpointStore;
  readonly egress: DirectEgress;
  readonly sealKey: Buffer;
  readonly publicUrl: () => string;
  readonly newId: () => string;
  readonly log: Logger;
}): EndpointSide {
  const { store, egress, publicUrl, newId, log } = parts;
  const secrets = new EndpointSecrets(new Seal(parts.sealKey, "capstan endpoint secret v1"));
  // What senders sign is compared with the receiver's own clock, not with the database's.
  const loop = sendLoop({
    store,
    egress,
    secrets,
    publicUrl,
    nowMs: () => Date.now(),
    random: () => Math.random(),
    log,
  });
  const checkAddress = (url: string): void => egress.check(url, { tls: true });
  const service = new EndpointService({ store, secrets, newId, checkAddress, wake: () => loop.wake() });
  return {
    loop,
    controllers: [EndpointController],
    providers: [{ provide: EndpointService, useValue: service }],
  };
}
