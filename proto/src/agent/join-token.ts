// Join tokens as people paste them: `capstan_join_<id>_<secret>_<crc>`.
//  J1. The checksum finds typing mistakes before anything is sent; it proves nothing.

const pattern = /^(capstan_join_([0-9a-hjkmnp-tv-z]{26})_([0-9a-z]{32,64}))_([0-9a-f]{8})$/;

export interface JoinToken {
  /** Wire id, `jt_…`. */
  readonly id: string;
  readonly secret: string;
}

/** The text of a join token. `id` is `jt_…`; `secret` is 32 to 64 lower-case letters and digits. */
export function formatJoinToken(token: JoinToken): string {
  const head = `capstan_join_${token.id.slice("jt_".length)}_${token.secret}`;
  return `${head}_${crc32Hex(head)}`;
}

/** The parts of a join token, or undefined where the text is none or was cut or mistyped. */
export function parseJoinToken(text: string): JoinToken | undefined {
  const match = pattern.exec(text.trim());
  if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) return undefined;
  return crc32Hex(match[1]) === match[4] ? { id: `jt_${match[2]}`, secret: match[3] } : undefined;
}

/** CRC-32 (IEEE) of ASCII text as eight hex digits; bit by bit, because it runs once per token. */
export function crc32Hex(text: string): string {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i) & 0xff;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
}
