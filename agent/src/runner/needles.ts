// The forms in which a secret value may show in output (docs/protocol.md, "Masking").
//  N1. Every form of a value of 6 bytes or more is masked; shorter ones would mask innocent text and are refused.

/** Shortest value that is masked, in bytes. */
export const needleBytesMin = 6;
const lineBytesMin = 8;

const asBuffer = (value: string | Uint8Array): Buffer =>
  typeof value === "string" ? Buffer.from(value) : Buffer.from(value);

/** All needles of one secret value; empty where the value is too short to be masked. */
export function needlesOf(secret: string | Uint8Array): readonly Buffer[] {
  const raw = asBuffer(secret);
  if (raw.length < needleBytesMin) return [];
  const found = new Map<string, Buffer>();
  const add = (value: string | Buffer, least = needleBytesMin): void => {
    const bytes = asBuffer(value);
    if (bytes.length >= least) found.set(bytes.toString("latin1"), bytes);
  };
  const text = raw.toString("utf8");
  const plain = [text, text.trim()];
  add(raw);
  add(text.trim());
  for (const line of text.split(/\r?\n/)) add(line.trim(), lineBytesMin);
  for (const value of plain) {
    const bytes = Buffer.from(value);
    add(JSON.stringify(value).slice(1, -1));
    const url = encodeURIComponentSafe(value);
    add(url);
    add(url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()));
    add(url.replaceAll("%20", "+"));
    add(
      value
        .replaceAll("&", "&amp;")
        .replaceAll("<", "&lt;")
        .replaceAll(">", "&gt;")
        .replaceAll('"', "&quot;")
        .replaceAll("'", "&#39;"),
    );
    add(value.replaceAll("'", "'\\''"));
    add(value.replace(/[^A-Za-z0-9_@%+=:,./-]/g, (character) => `\\${character}`));
    add(bytes.toString("hex"));
    add(bytes.toString("hex").toUpperCase());
    for (const form of base64Forms(bytes)) add(form);
  }
  return [...found.values()];
}

/** `encodeURIComponent` that does not throw on lone surrogates (they cannot be in decoded UTF-8, but in a string). */
function encodeURIComponentSafe(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}

/** What the value looks like inside base64 at each of the three alignments, without the characters it shares. */
function base64Forms(bytes: Buffer): string[] {
  const forms: string[] = [];
  for (let shift = 0; shift < 3; shift++) {
    const padded = Buffer.concat([Buffer.alloc(shift), bytes]);
    const text = padded.toString("base64").replace(/=+$/, "");
    const from = shift === 0 ? 0 : shift + 1;
    const to = padded.length % 3 === 0 ? text.length : text.length - 1;
    const core = text.slice(from, to);
    forms.push(core, core.replaceAll("+", "-").replaceAll("/", "_"));
  }
  return forms;
}
