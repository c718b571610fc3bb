// Signed tokens bent in ways that libraries have let through.
import { createHmac } from "node:crypto";

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A stream of chance that is the same for the same seed. */
export function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 7) % below;
  };
}

export interface Forgery {
  /** A token that is good. */
  readonly token: string;
  /** Another good one, of somebody else or with other claims. */
  readonly other: string;
  /** Text under which a verifier might take a MAC: the public key. */
  readonly publicKey: string;
}

const headers = (header: object, publicKey: string): readonly object[] => [
  { ...header, alg: "none" },
  { ...header, alg: "None" },
  { ...header, alg: "" },
  { ...header, alg: "HS256" },
  { ...header, alg: ["EdDSA"] },
  { ...header, alg: "ES256" },
  { ...header, typ: "JWE" },
  { ...header, typ: "at+jwt" },
  { ...header, crit: ["exp"], exp: 1 },
  { ...header, crit: ["b64"], b64: false },
  { ...header, zip: "DEF" },
  { ...header, jwk: { kty: "oct", k: publicKey } },
  { ...header, jku: "http://127.0.0.1/keys", x5u: "http://127.0.0.1/cert" },
  { ...header, kid: "../../../../dev/null" },
  { ...header, kid: "' UNION SELECT 'x" },
  { ...header, kid: null },
];

/** A token that is not the good one: another text for it, other bytes, or another signature. */
export function forged({ token, other, publicKey }: Forgery, random: (below: number) => number): string {
  const [head = "", body = "", signature = ""] = token.split(".");
  const [otherHead = "", otherBody = "", otherSignature = ""] = other.split(".");
  const header = JSON.parse(Buffer.from(head, "base64url").toString()) as object; // we made it
  const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>; // we made it
  const kinds: readonly (() => string)[] = [
    () => {
      const at = random(token.length);
      const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ";
      return token.slice(0, at) + letters.charAt(random(letters.length)) + token.slice(at + 1);
    },
    () => {
      const bytes = Buffer.from(signature, "base64url");
      const at = random(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
      return `${head}.${body}.${bytes.toString("base64url")}`;
    },
    () => {
      const list = headers(header, publicKey);
      const changed = part(list[random(list.length)]);
      const mac = createHmac("sha256", publicKey).update(`${changed}.${body}`).digest("base64url");
      return `${changed}.${body}.${[signature, mac, "", "AA"][random(4)] ?? ""}`;
    },
    () => {
      const names = Object.keys(claims);
      const name = names[random(names.length)] ?? "exp";
      const values = [null, "", 0, 1, 9_999_999_999, true, [], {}, [claims[name]], `${String(claims[name])} `];
      return `${head}.${part({ ...claims, [name]: values[random(values.length)] })}.${signature}`;
    },
    () =>
      [`${otherHead}.${body}.${signature}`, `${head}.${otherBody}.${signature}`, `${head}.${body}.${otherSignature}`][
        random(3)
      ] ?? "",
    () => token.slice(0, random(token.length)),
    () =>
      [
        `${token}.`,
        `.${token}`,
        `${token}.${signature}`,
        `${head}.${body}`,
        `${head}..${signature}`,
        `${token}${token}`,
        `${token}=`,
        ` ${token}`,
        `${token}\n`,
      ][random(9)] ?? "",
    () => JSON.stringify({ payload: body, protected: head, signature }),
  ];
  return (kinds[random(kinds.length)] ?? (() => ""))();
}

/** True where a bent text says what the good token says, signed as it was: base64 has more than one form for some bytes. */
export const isSameToken = (text: string, token: string): boolean => {
  const [head, body, signature, ...more] = text.split(".");
  const [goodHead, goodBody, goodSignature] = token.split(".");
  if (head !== goodHead || body !== goodBody || more.length > 0 || signature === undefined) return false;
  return Buffer.from(signature, "base64url").equals(Buffer.from(goodSignature ?? "", "base64url"));
};
