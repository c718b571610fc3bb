// Messages on their way to endpoints.
//  S1. A message is a row before it is sent, and is one until somebody has taken it: at least once, under one webhook-id.
//  S2. It is claimed for a minute, a try takes 20 s at most; where the replica dies, another one tries.
//  S3. No message waits for another endpoint's answer: a round begins tries and does not wait for their ends.
//  S4. Those about one subject leave in order, as long as they arrive (claim-messages.sql).
import type { Logger } from "pino";
import { idFromUuid } from "@capstan/proto";
import { Loop } from "../dispatch/loop.ts";
import type { Egress } from "../egress/egress.ts";
import type { EndpointSecrets } from "./endpoint-secrets.ts";
import type { ClaimedMessage, EndpointStore } from "./endpoint.store.ts";
import { trySend } from "./send.ts";

/** Under way at once, in this replica. */
const goingMax = 200;
/** Of one endpoint, so that one that does not answer holds up no other. */
const ofOneMax = 5;

export interface SendParts {
  readonly store: EndpointStore;
  readonly egress: Pick<Egress, "send">;
  readonly secrets: EndpointSecrets;
  readonly publicUrl: () => string;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly log: Logger;
}

export function sendLoop(parts: SendParts): Loop {
  /** How many are under way, by endpoint. */
  const going = new Map<string, number>();
  let total = 0;
  const count = (endpointId: string, by: 1 | -1): void => {
    total += by;
    const own = (going.get(endpointId) ?? 0) + by;
    if (own === 0) going.delete(endpointId);
    else going.set(endpointId, own);
  };
  const loop: Loop = new Loop({
    name: "endpoints",
    everyMs: 1_000,
    log: parts.log,
    round: async () => {
      if (total >= goingMax) return false; // the end of each wakes
      const full = [...going].filter(([, own]) => own >= ofOneMax).map(([endpointId]) => endpointId);
      const claimed = await parts.store.claim({ limit: goingMax - total, ofOne: ofOneMax, except: full });
      for (const message of claimed) {
        count(message.endpointId, 1);
        void carry(parts, message).then(() => {
          count(message.endpointId, -1);
          // The next of its subject may leave now.
          loop.wake();
        });
      }
      return claimed.length > 0;
    },
  });
  return loop;
}

async function carry(
  { store, egress, secrets, publicUrl, nowMs, random, log }: SendParts,
  message: ClaimedMessage,
): Promise<void> {
  try {
    const sealed = await store.secrets(message.projectId, message.endpointId);
    const { tried, outcome } = await trySend(message, {
      egress,
      messageId: idFromUuid("msg", message.id),
      secrets: sealed.map((one) => secrets.open(message.projectId, one)),
      publicUrl: publicUrl(),
      nowMs: nowMs(),
      random: random(),
    });
    await store.settle(message, tried, outcome);
  } catch (error) {
    // Its claim runs out, and it is tried again.
    log.warn({ err: error, endpoint: message.endpointId }, "a message could not be sent");
  }
}
