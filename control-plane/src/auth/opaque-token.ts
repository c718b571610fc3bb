// Opaque tokens: `capstan_<kind>_<id>_<secret>_<crc>`.
//  O1. The secret is 256 random bits; only its SHA-256 is ever stored, and comparison takes constant time.
//      That of an API token is derived from its id under a key of the keys folder, so that a repeated request can be
//      answered with the token that the first one made.
//  O2. The checksum tells a typing error from a revoked token without a query; it proves nothing.
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const kinds = ["local", "link", "session", "pat", "invitation", "device", "cli"] as const;
export type TokenKind = (typeof kinds)[number];

const pattern = /^(capstan_([a-z]+)_([0-9A-Za-z]{12})_([0-9A-Za-z]{43}))_([0-9A-Za-z]{6})$/;

export interface OpaqueToken {
  readonly kind: TokenKind;
  /** Public part. */
  readonly id: string;
  /** The whole text: what its holder shows. */
  readonly text: string;
}

/** A new token of the kind. */
export const makeToken = (kind: TokenKind): OpaqueToken => tokenOf(kind, newTokenId(), randomBytes(32));

/** A new public part. */
export const newTokenId = (): string => toBase62(randomBytes(9), 12);

/** The API token of an id: the same for the same key. @param key 32 bytes */
export const apiToken = (id: string, key: Buffer): OpaqueToken =>
  tokenOf("pat", id, createHmac("sha256", key).update(id).digest());

function tokenOf(kind: TokenKind, id: string, secret: Buffer): OpaqueToken {
  const head = `capstan_${kind}_${id}_${toBase62(secret, 43)}`;
  return { kind, id, text: `${head}_${checksum(head)}` };
}

/** The parts of a token, or undefined where the text is none, was cut or mistyped. */
export function parseToken(text: string): OpaqueToken | undefined {
  const match = pattern.exec(text);
  const [, head, kindText, id, , crc] = match ?? [];
  const kind = kinds.find((known) => known === kindText);
  if (head === undefined || kind === undefined || id === undefined || checksum(head) !== crc) return undefined;
  return { kind, id, text };
}

/** What is stored in place of a token. */
export const hashToken = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Compares a shown token with a stored hash in constant time. */
export const tokenMatches = (text: string, hash: Buffer): boolean =>
  hash.length === 32 && timingSafeEqual(hashToken(text), hash);

const checksum = (head: string): string => {
  let value = BigInt(crc32(head));
  let text = "";
  for (let i = 0; i < 6; i++) {
    text = (base62[Number(value % 62n)] ?? "0") + text;
    value /= 62n;
  }
  return text;
};

function toBase62(bytes: Buffer, length: number): string {
  let value = BigInt(`0x${bytes.toString("hex")}`);
  let text = "";
  for (let i = 0; i < length; i++) {
    text = (base62[Number(value % 62n)] ?? "0") + text;
    value /= 62n;
  }
  return text;
}
