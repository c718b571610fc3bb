// Identifiers: a UUIDv7 in the database, `prefix_` and 26 Crockford base32 characters everywhere else.
//  D1. An id sorts by its time of making, so new rows land at the end of every index.
//  D2. An id names its kind: decoding with another prefix fails instead of finding a foreign row.

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const valueOf = new Int8Array(128).fill(-1);
for (let i = 0; i < alphabet.length; i++) valueOf[alphabet.charCodeAt(i)] = i;

/** The kinds of things that have an id on the wire. */
export const idPrefixes = {
  project: "prj",
  run: "run",
  taskRun: "tr",
  attempt: "att",
  agent: "ag",
  pool: "pool",
  workflow: "wf",
  version: "wv",
  deploy: "dep",
  joinToken: "jt",
  event: "ev",
  operation: "op",
  delivery: "dlv",
  endpoint: "ep",
  message: "msg",
  backfill: "bf",
} as const;
export type IdPrefix = (typeof idPrefixes)[keyof typeof idPrefixes];

declare const brand: unique symbol;
/** A wire id of one kind, for example `run_01k3tt1dy3fpd8yfgt5cy4tqkf`. */
export type Id<P extends IdPrefix> = string & { readonly [brand]: P };
export type RunId = Id<"run">;
export type TaskRunId = Id<"tr">;
export type AttemptId = Id<"att">;
export type AgentId = Id<"ag">;
export type PoolId = Id<"pool">;
export type WorkflowId = Id<"wf">;
export type ProjectId = Id<"prj">;

/**
 * A UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then 74 random bits.
 * @param nowMs Unix milliseconds
 * @param random at least 10 random bytes; the first ten are used
 * @returns lower-case text with dashes
 */
export function uuidV7(nowMs: number, random: Uint8Array): string {
  const bytes = new Uint8Array(16);
  let high = Math.floor(nowMs / 0x100000000);
  let low = nowMs >>> 0;
  for (let i = 5; i >= 2; i--) {
    bytes[i] = low & 0xff;
    low >>>= 8;
  }
  bytes[1] = high & 0xff;
  high >>>= 8;
  bytes[0] = high & 0xff;
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return uuidFromBytes(bytes);
}

const hex = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/** 16 bytes as UUID text. */
export function uuidFromBytes(b: Uint8Array): string {
  const h = (i: number): string => hex[b[i] ?? 0] ?? "00";
  return (
    h(0) +
    h(1) +
    h(2) +
    h(3) +
    "-" +
    h(4) +
    h(5) +
    "-" +
    h(6) +
    h(7) +
    "-" +
    h(8) +
    h(9) +
    "-" +
    h(10) +
    h(11) +
    h(12) +
    h(13) +
    h(14) +
    h(15)
  );
}

const hexValue = (code: number): number => (code < 58 ? code - 48 : (code | 32) - 87);

/** UUID text as 16 bytes. The text must be a UUID; it is not checked again. */
export function uuidToBytes(uuid: string): Uint8Array {
  const bytes = new Uint8Array(16);
  let at = 0;
  for (let i = 0; i < 16; i++) {
    if (uuid.charCodeAt(at) === 45) at++;
    bytes[i] = (hexValue(uuid.charCodeAt(at)) << 4) | hexValue(uuid.charCodeAt(at + 1));
    at += 2;
  }
  return bytes;
}

/** A UUID as a wire id of the given kind. */
export function idFromUuid<P extends IdPrefix>(prefix: P, uuid: string): Id<P> {
  const b = uuidToBytes(uuid);
  // 128 bits as 26 digits of 5 bits: two leading zero bits, then the UUID.
  let text = alphabet[(b[0] ?? 0) >> 5] ?? "0";
  let bits = 5;
  let buffer = (b[0] ?? 0) & 0x1f;
  let index = 1;
  for (let i = 0; i < 25; i++) {
    if (bits < 5) {
      buffer = (buffer << 8) | (b[index++] ?? 0);
      bits += 8;
    }
    text += alphabet[(buffer >> (bits - 5)) & 31];
    bits -= 5;
    buffer &= (1 << bits) - 1;
  }
  return `${prefix}_${text}` as Id<P>; // the brand is what this function makes
}

/** The UUID of a wire id, or undefined where the text is not an id of that kind. */
export function uuidFromId(prefix: IdPrefix, id: string): string | undefined {
  const start = prefix.length + 1;
  if (id.length !== start + 26 || !id.startsWith(prefix) || id.charCodeAt(prefix.length) !== 95) return undefined;
  const bytes = new Uint8Array(16);
  let buffer = 0;
  let bits = -2; // the first digit carries only three bits of the UUID
  let index = 0;
  for (let i = start; i < id.length; i++) {
    const code = id.charCodeAt(i);
    const value = code < 128 ? (valueOf[code] ?? -1) : -1;
    if (value < 0 || (i === start && value > 7)) return undefined;
    buffer = (buffer << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[index++] = (buffer >> bits) & 0xff;
      buffer &= (1 << bits) - 1;
    }
  }
  return uuidFromBytes(bytes);
}

/** `hello` and 42 as the name people use for a run. */
export const runName = (workflow: string, number: number): string => `${workflow}-${number}`;

/** The parts of `hello-42`, or undefined. Workflow names hold no hyphen, so the last one decides. */
export function parseRunName(text: string): { workflow: string; number: number } | undefined {
  const match = /^([a-z][a-z0-9_]{0,62})-([1-9][0-9]{0,15})$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { workflow: match[1], number: Number(match[2]) };
}
