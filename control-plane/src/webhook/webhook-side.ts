// Everything of webhooks in one place, for the composition root.
import type { Provider, Type } from "@nestjs/common";
import { Seal } from "../auth/seal.ts";
import { HookController } from "./hook.controller.ts";
import { ReceiveService, type ReceiveParts } from "./receive.service.ts";
import { WebhookSecrets } from "./secrets.ts";
import { WebhookController } from "./webhook.controller.ts";
import { WebhookService, type WebhookParts } from "./webhook.service.ts";

export interface WebhookSide {
  readonly controllers: readonly Type[];
  readonly providers: readonly Provider[];
}

export type WebhookSideParts = Omit<ReceiveParts & WebhookParts, "secrets" | "secretUrls"> & {
  readonly sealKey: Buffer;
  readonly secretUrls: readonly string[];
};

export function makeWebhookSide({ sealKey, secretUrls, ...parts }: WebhookSideParts): WebhookSide {
  const shared = { ...parts, secrets: new WebhookSecrets(new Seal(sealKey, "capstan webhook secret v1")) };
  return {
    controllers: [HookController, WebhookController],
    providers: [
      { provide: ReceiveService, useValue: new ReceiveService({ ...shared, secretUrls: new Set(secretUrls) }) },
      { provide: WebhookService, useValue: new WebhookService(shared) },
    ],
  };
}
