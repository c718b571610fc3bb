// Networks in CIDR notation, `203.0.113.0/24` or `2001:db8::/32`. Addresses are checked by shape alone: whoever compares
// them (`node:net`) is stricter, and proto has no I/O modules.
const four =
  /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$/;

/** True for an address with a length that it can have. */
export function isNetwork(text: string): boolean {
  const [address = "", length, more] = text.split("/");
  if (length === undefined || more !== undefined || !/^(?:0|[1-9][0-9]{0,2})$/.test(length)) return false;
  if (four.test(address)) return Number(length) <= 32;
  return isSix(address) && Number(length) <= 128;
}

function isSix(address: string): boolean {
  const [head = "", tail, more] = address.split("::");
  if (more !== undefined) return false;
  const groups = [head, ...(tail === undefined ? [] : [tail])].flatMap((part) => (part === "" ? [] : part.split(":")));
  const isFull = tail === undefined ? groups.length === 8 : groups.length < 8;
  return isFull && groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group));
}
