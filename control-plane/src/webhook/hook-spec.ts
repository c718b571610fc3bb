// A webhook as it is stored, and where it may come from.
import { BlockList, isIP } from "node:net";
import type { CanonicalTrigger, CanonicalWebhook } from "@capstan/proto";

/** Its own part of a trigger's stored text. */
export function webhookOf(spec: string): CanonicalWebhook {
  const { webhook } = JSON.parse(spec) as CanonicalTrigger; // written by a deploy from a checked document
  if (webhook === undefined) throw new Error("a trigger of the kind webhook has one");
  return webhook;
}

/** True for an address in one of the networks; without any, for all. */
export function comesFrom(networks: readonly string[] | undefined, address: string): boolean {
  if (networks === undefined) return true;
  const list = new BlockList();
  for (const network of networks) {
    const [base = "", length] = network.split("/");
    list.addSubnet(base, Number(length), isIP(base) === 6 ? "ipv6" : "ipv4");
  }
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 6 ? "ipv6" : "ipv4");
}
