// A webhook as it is stored, and where it may come from.
import type { CanonicalTrigger, CanonicalWebhook } from "@capstan/proto";
import { Networks } from "../http/networks.ts";

/** Its own part of a trigger's stored text. */
export function webhookOf(spec: string): CanonicalWebhook {
  const { webhook } = JSON.parse(spec) as CanonicalTrigger; // written by a deploy from a checked document
  if (webhook === undefined) throw new Error("a trigger of the kind webhook has one");
  return webhook;
}

/** True for an address in one of the networks; without any, for all. */
export const comesFrom = (networks: readonly string[] | undefined, address: string): boolean =>
  networks === undefined || new Networks(networks).holds(address);
