// ID tokens of an identity provider. With agent-credential.ts the only importer of jose in this package.
//  I1. Algorithms are the asymmetric ones of a fixed list: neither `none` nor a MAC under a public key gets through.
//  I2. Issuer, audience, life and nonce are checked, and that the token is of the kind `JWT` where it names one: a token for
//      an API or a sign-out of the same provider is signed with the same key.
import { createLocalJWKSet, errors, jwtVerify, type JSONWebKeySet, type JWTPayload, type JWTVerifyOptions } from "jose";
import { z } from "zod";

export const idTokenAlgorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;
const skewSeconds = 30;
const ageSecondsMax = 600;

const claimsSchema = z.looseObject({
  sub: z.string().min(1).max(255),
  aud: z.union([z.string(), z.array(z.string())]),
  azp: z.string().optional(),
  nonce: z.string(),
  auth_time: z.number().optional(),
});
export type IdTokenClaims = z.infer<typeof claimsSchema>;

export const keySetSchema = z.looseObject({ keys: z.array(z.looseObject({ kty: z.string() })).max(100) });
export type KeySet = z.infer<typeof keySetSchema>;

export interface Expected {
  readonly issuer: string;
  readonly clientId: string;
  readonly nonce: string;
}

/** The token names a key that the set does not have: the provider may have a new one. */
export class KeyUnknown extends Error {}

const workloadSchema = z.looseObject({ sub: z.string().min(1).max(1024) });

/** What a pipeline's token says. */
export type WorkloadClaims = z.infer<typeof workloadSchema>;

/** The claims of a pipeline's token for this installation. @throws KeyUnknown; another error says what is wrong with it */
export async function verifyWorkloadToken(
  token: string,
  keys: KeySet,
  expected: { readonly issuer: string; readonly audience: string },
): Promise<WorkloadClaims> {
  return workloadSchema.parse(
    await verified(token, keys, { ...expected, requiredClaims: ["exp", "iat", "sub", "aud"] }),
  );
}

/** The claims of a token that is what was expected. @throws KeyUnknown; another error says what is wrong with it */
export async function verifyIdToken(token: string, keys: KeySet, expected: Expected): Promise<IdTokenClaims> {
  const payload = await verified(token, keys, {
    issuer: expected.issuer,
    audience: expected.clientId,
    maxTokenAge: ageSecondsMax,
    requiredClaims: ["exp", "iat", "sub", "nonce"],
  });
  const claims = claimsSchema.parse(payload);
  if (claims.nonce !== expected.nonce) throw new Error("the nonce is of another sign-in");
  if (Array.isArray(claims.aud) && claims.aud.length > 1 && claims.azp !== expected.clientId)
    throw new Error("the token was issued to another client");
  if (claims.azp !== undefined && claims.azp !== expected.clientId)
    throw new Error("the token was issued to another client");
  return claims;
}

/** The claims of a signed token of the kind `JWT`. */
async function verified(token: string, keys: KeySet, options: JWTVerifyOptions): Promise<JWTPayload> {
  let done: Awaited<ReturnType<typeof jwtVerify>>;
  try {
    // The schema looks at no more of a key than that it has a type; jose refuses one that it cannot use.
    done = await jwtVerify(token, createLocalJWKSet(keys as JSONWebKeySet), {
      algorithms: [...idTokenAlgorithms],
      clockTolerance: skewSeconds,
      ...options,
    });
  } catch (cause) {
    if (cause instanceof errors.JWKSNoMatchingKey) throw new KeyUnknown("no such key", { cause });
    throw cause;
  }
  const { typ } = done.protectedHeader;
  if (typ !== undefined && typ.toUpperCase() !== "JWT") throw new Error(`a token of the kind ${typ.slice(0, 40)}`);
  return done.payload;
}
