// Enrolment and connection proofs (docs/protocol.md, "Enrolment and connection proofs"). The secret of a join token
// never travels.
import { z } from "zod";
import { countSchema, textSchema } from "./attempt-ref.ts";
import { labelsSchema, protocolRangeSchema } from "./hello.ts";

/** Versions of the agent protocol that this release speaks. */
export const protocolRange = { min: 1, max: 1 } as const;
export const agentSubprotocol = "capstan.agent.v1";
export const agentPaths = {
  nonce: "/agent/v1/nonce",
  enrol: "/agent/v1/enrol",
  socket: "/agent/v1/socket",
  spec: (digest: string): string => `/agent/v1/specs/${digest}`,
  bundle: (sha256: string): string => `/agent/v1/bundles/${sha256}`,
  file: (sha256: string): string => `/agent/v1/files/${sha256}`,
} as const;

export const enrolProofType = "agent-enrol+jwt";
export const assertionType = "agent-assert+jwt";
/** HKDF-SHA256 of the join secret: salt is the token id, and this is `info`; 32 bytes. */
export const enrolKeyInfo = "capstan enrol v1";
/** Longest life of an assertion, in seconds. */
export const assertionSecondsMax = 60;

export const nonceAnswerSchema = z.object({
  nonce: textSchema(512).min(16),
  timeMs: countSchema,
  incarnation: countSchema,
  protocol: protocolRangeSchema,
});
export type NonceAnswer = z.infer<typeof nonceAnswerSchema>;

const base64url = /^[A-Za-z0-9_-]{43}$/;
export const publicJwkSchema = z.object({
  kty: z.literal("OKP"),
  crv: z.enum(["Ed25519", "X25519"]),
  x: z.string().regex(base64url),
});
export type PublicJwk = z.infer<typeof publicJwkSchema>;

/** Claims of the enrolment proof: a JWS by the new identity key (`alg` EdDSA, `typ` agent-enrol+jwt). */
export const enrolProofSchema = z.object({
  identity: publicJwkSchema,
  sealing: publicJwkSchema,
  nonce: textSchema(512),
  origin: textSchema(512),
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/),
  facts: labelsSchema,
  protocol: protocolRangeSchema,
});
export type EnrolProof = z.infer<typeof enrolProofSchema>;

export const enrolRequestSchema = z.object({
  tokenId: textSchema(64),
  proof: textSchema(16_384),
  /** Base64url HMAC-SHA256 under K over `enrolMacText`. */
  mac: z.string().regex(base64url),
});
export type EnrolRequest = z.infer<typeof enrolRequestSchema>;

export const enrolAnswerSchema = z.object({
  agent: textSchema(64),
  /** Fresh server nonce is not needed: `nonce` repeats the one of the proof, so an old answer cannot be played back. */
  nonce: textSchema(512),
  project: textSchema(128),
  pool: textSchema(128),
  labels: labelsSchema,
  state: z.enum(["active", "pending"]),
  serverKeys: z.array(textSchema(4096)).max(16),
  roots: z.array(textSchema(256)).max(64),
  /** Base64url HMAC-SHA256 under K over `enrolAnswerMacText`. */
  mac: z.string().regex(base64url),
});
export type EnrolAnswer = z.infer<typeof enrolAnswerSchema>;

/** What the agent's MAC covers. Thumbprints are RFC 7638, base64url; none of the parts can hold a line break. */
export const enrolMacText = (part: {
  readonly identityThumbprint: string;
  readonly sealingThumbprint: string;
  readonly nonce: string;
  readonly origin: string;
}): string => [part.identityThumbprint, part.sealingThumbprint, part.nonce, part.origin].join("\n");

/** What the server's MAC covers: the answer without `mac`, in this fixed order. */
export const enrolAnswerMacText = (answer: Omit<EnrolAnswer, "mac">): string =>
  JSON.stringify([
    "capstan enrol answer v1",
    answer.agent,
    answer.nonce,
    answer.project,
    answer.pool,
    Object.entries(answer.labels).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    answer.state,
    answer.serverKeys,
    answer.roots,
  ]);

/** Claims of a connection's assertion (header: `alg` EdDSA, `typ` agent-assert+jwt, `kid` = key thumbprint). */
export const assertionClaimsSchema = z.object({
  iss: textSchema(64),
  sub: textSchema(64),
  /** Origin and path, for example `http://127.0.0.1:7420/agent/v1/socket`. */
  aud: textSchema(1024),
  /** HTTP method of the request that carries it. */
  htm: z.enum(["GET", "POST", "PUT"]),
  nonce: textSchema(512),
  iat: z.int(),
  exp: z.int(),
  jti: textSchema(64).min(16),
});
export type AssertionClaims = z.infer<typeof assertionClaimsSchema>;
