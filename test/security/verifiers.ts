// Each way in which the server reads a signed token, with a good one for it.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { enrolProofType, protocolRange } from "@capstan/proto";
import { AgentCredentials } from "../../control-plane/src/auth/agent-credential.ts";
import { verifyIdToken, verifyWorkloadToken } from "../../control-plane/src/auth/id-token.ts";
import { assertion, testKey, type TestKey } from "../../control-plane/src/testing/agent-client.ts";
import { chance, forged, isSameToken, type Forgery } from "./tokens.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const now = Math.floor(Date.now() / 1000);
const issuer = "https://ci.example.org";

/** Claims that an ID token and a pipeline's token both need. */
export const claims = { iss: issuer, sub: "repo:a", aud: "capstan", iat: now, exp: now + 300, nonce: "n1" };

/** A token as an identity provider signs it. */
export function jwt(given: object, header: object = {}): string {
  const text = `${part({ alg: "RS256", kid: "k1", typ: "JWT", ...header })}.${part(given)}`;
  return `${text}.${sign("sha256", Buffer.from(text), rsa.privateKey).toString("base64url")}`;
}
const keySet = { keys: [{ ...rsa.publicKey.export({ format: "jwk" }), kty: "RSA", kid: "k1", use: "sig" }] };
const rsaPublic = rsa.publicKey.export({ format: "pem", type: "spki" }).toString();

const credentials = new AgentCredentials(randomBytes(32));
const mine = testKey("Ed25519");
const stranger = testKey("Ed25519");
const agent = "ag_01m8h48wbjen98axr9dzp70mj8";
const nonceText = credentials.makeNonce(now * 1000);
const nonce = { nonce: nonceText, timeMs: now * 1000, incarnation: 1, protocol: { ...protocolRange } };
const sealing = testKey("X25519").jwk;

/** What an agent signs to enrol, under a type. */
export const enrolProof = (typ: string = enrolProofType, key: TestKey = mine): string =>
  key.sign(
    { alg: "EdDSA", typ, kid: key.thumbprint },
    { identity: key.jwk, sealing, nonce: nonceText, origin: "http://x", name: "a", facts: {}, protocol: protocolRange },
  );

export interface Verifier extends Forgery {
  readonly name: string;
  readonly verify: (text: string) => Promise<unknown>;
}

export const verifiers: readonly Verifier[] = [
  {
    name: "the assertion of an agent",
    token: assertion(mine, agent, nonce, "http://x/socket"),
    other: assertion(stranger, agent, nonce, "http://x/socket"),
    publicKey: mine.jwk.x,
    verify: (text) => credentials.verifyAssertion(text, { key: mine.jwk, agent, method: "GET", nowMs: now * 1000 }),
  },
  {
    name: "the proof of an enrolment",
    token: enrolProof(),
    other: enrolProof(enrolProofType, stranger),
    publicKey: mine.jwk.x,
    verify: (text) => credentials.verifyEnrolProof(text),
  },
  {
    name: "the ID token of a person",
    token: jwt(claims),
    other: jwt({ ...claims, sub: "repo:b" }),
    publicKey: rsaPublic,
    verify: (text) => verifyIdToken(text, keySet, { issuer, clientId: "capstan", nonce: "n1" }),
  },
  {
    name: "the token of a pipeline",
    token: jwt(claims),
    other: jwt({ ...claims, sub: "repo:b" }),
    publicKey: rsaPublic,
    verify: (text) => verifyWorkloadToken(text, keySet, { issuer, audience: "capstan" }),
  },
];

/** Bent forms of a good token that were taken. @param goesOn false ends it before the count is reached */
export async function taken(
  { token, other, publicKey, verify }: Verifier,
  given: { readonly seed: number; readonly count: number; readonly goesOn?: () => boolean },
): Promise<{ readonly taken: readonly string[]; readonly tried: number }> {
  await verify(token);
  const random = chance(given.seed);
  const wrong: string[] = [];
  let tried = 0;
  for (; tried < given.count && given.goesOn?.() !== false; tried++) {
    const text = forged({ token, other, publicKey }, random);
    // Another whole token is no bent one.
    if (isSameToken(text, token) || isSameToken(text, other)) continue;
    const isTaken = await verify(text).then(
      () => true,
      () => false,
    );
    if (isTaken) wrong.push(text);
  }
  return { taken: wrong, tried };
}
