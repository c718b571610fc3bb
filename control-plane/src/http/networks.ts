import { BlockList, isIP } from "node:net";

const familyOf = (address: string): "ipv4" | "ipv6" => (isIP(address) === 6 ? "ipv6" : "ipv4");

/** True for a network such as `10.0.0.0/8` or `fd00::/8`. */
export function isNetwork(text: string): boolean {
  const [, base = "", length = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const family = isIP(base);
  return family !== 0 && Number(length) <= (family === 6 ? 128 : 32);
}

/** A list of networks. Each must be one (`isNetwork`). */
export class Networks {
  // Two lists: in one, a rule for mapped addresses would hold for all of IPv4.
  private readonly lists = { ipv4: new BlockList(), ipv6: new BlockList() } as const;

  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [base = "", length] = network.split("/");
      this.lists[familyOf(base)].addSubnet(base, Number(length), familyOf(base));
    }
  }

  /** False for anything that is not an address. */
  holds(address: string): boolean {
    return isIP(address) !== 0 && this.lists[familyOf(address)].check(address, familyOf(address));
  }
}
