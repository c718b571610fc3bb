// Messages on their way to endpoints.
//  S1. A message is a row before it is sent, and is one until somebody has taken it: at least once, under one webhook-id.
//  S2. It is claimed for a minute, a try takes 20 s at most; where the replica dies, another one tries.
//  S3. Those about one subject leave in order, as long as they arrive (claim-messages.sql).
import type { Logger } from "pino";
import { idFromUuid } from "@capstan/proto";
import { Loop } from "../dispatch/loop.ts";
import type { Egress } from "../egress/egress.ts";
import type { EndpointSecrets } from "./endpoint-secrets.ts";
import type { ClaimedMessage, EndpointStore } from "./endpoint.store.ts";
import { trySend } from "./send.ts";

const batchMax = 50;

export interface SendParts {
  readonly store: EndpointStore;
  readonly egress: Pick<Egress, "send">;
  readonly secrets: EndpointSecrets;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly log: Logger;
}

export const sendLoop = (parts: SendParts): Loop =>
  new Loop({
    name: "endpoints",
    everyMs: 1_000,
    log: parts.log,
    round: async () => {
      const claimed = await parts.store.claim(batchMax);
      await Promise.all(claimed.map((message) => carry(parts, message)));
      // The next of a subject may leave now.
      return claimed.length > 0;
    },
  });

async function carry(
  { store, egress, secrets, nowMs, random, log }: SendParts,
  message: ClaimedMessage,
): Promise<void> {
  try {
    const sealed = await store.secrets(message.projectId, message.endpointId);
    const { tried, outcome } = await trySend(message, {
      egress,
      messageId: idFromUuid("msg", message.id),
      secrets: sealed.map((one) => secrets.open(message.projectId, one)),
      nowMs: nowMs(),
      random: random(),
    });
    await store.settle(message, tried, outcome);
  } catch (error) {
    // Its claim runs out, and it is tried again.
    log.warn({ err: error, endpoint: message.endpointId }, "a message could not be sent");
  }
}
