// Which addresses the control plane may connect to: public ones. The rest is the machine itself, the operator's network,
// and the metadata services of clouds, which give credentials to whoever can reach them.
import { BlockList, isIP } from "node:net";

// Two lists: in one, a rule for mapped addresses would hold for all of IPv4.
const refused4 = new BlockList();
const refused6 = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8], // this network
  ["10.0.0.0", 8],
  ["100.64.0.0", 10], // carrier-grade NAT
  ["127.0.0.0", 8],
  ["169.254.0.0", 16], // link-local, metadata
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24], // 6to4 relays
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4],
] as const)
  refused4.addSubnet(network, prefix, "ipv4");
// All that is in use on the internet is in 2000::/3. Outside it are this machine, IPv4 in disguise (mapped, translated,
// NAT64), unique local, link-local and multicast addresses.
const unicast6 = new BlockList();
unicast6.addSubnet("2000::", 3, "ipv6");
for (const [network, prefix] of [
  ["2001::", 23], // Teredo and others
  ["2001:db8::", 32],
  ["2002::", 16], // 6to4
  ["3fff::", 20], // documentation
] as const)
  refused6.addSubnet(network, prefix, "ipv6");

/** True for an address of the public internet; false for anything that is not an address. */
export function isPublicAddress(address: string): boolean {
  const plain = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const family = isIP(plain);
  if (family === 4) return !refused4.check(plain, "ipv4");
  return family === 6 && unicast6.check(plain, "ipv6") && !refused6.check(plain, "ipv6");
}
