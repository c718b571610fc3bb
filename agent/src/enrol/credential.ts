// The agent's keys and what is signed with them. The one importer of jose in this package.
import { randomUUID } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from "jose";
import {
  assertionSecondsMax,
  assertionType,
  enrolProofType,
  publicJwkSchema,
  type EnrolProof,
  type PublicJwk,
} from "@capstan/proto";

export interface KeyPair {
  readonly privateJwk: JWK;
  readonly publicJwk: PublicJwk;
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
}

const publicOf = (jwk: JWK): PublicJwk => publicJwkSchema.parse({ kty: jwk.kty, crv: jwk.crv, x: jwk.x });

export async function keyPairOf(privateJwk: JWK): Promise<KeyPair> {
  const publicJwk = publicOf(privateJwk);
  return { privateJwk, publicJwk, thumbprint: await calculateJwkThumbprint({ ...publicJwk }) };
}

/** A new Ed25519 key for identity. */
export async function makeIdentityKey(): Promise<KeyPair> {
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  return keyPairOf(await exportJWK(privateKey));
}

/** A new X25519 key, to which inputs can be sealed. */
export async function makeSealingKey(): Promise<KeyPair> {
  const { privateKey } = await generateKeyPair("ECDH-ES", { crv: "X25519", extractable: true });
  return keyPairOf(await exportJWK(privateKey));
}

/** Proof of possession of the new key, bound to nonce and origin. */
export async function signEnrolProof(key: KeyPair, proof: EnrolProof): Promise<string> {
  return new SignJWT({ ...proof })
    .setProtectedHeader({ alg: "EdDSA", typ: enrolProofType, kid: key.thumbprint })
    .sign(await importJWK(key.privateJwk, "EdDSA"));
}

export interface AssertionRequest {
  readonly agent: string;
  /** Origin and path of the request that will carry it. */
  readonly audience: string;
  readonly method: "GET" | "POST" | "PUT";
  readonly nonce: string;
  /** The server's time when it gave the nonce: a wrong clock here locks nobody out. */
  readonly serverTimeMs: number;
}

/** A short assertion for one connection or request; valid for at most 60 s, usable once. */
export async function signAssertion(key: KeyPair, request: AssertionRequest): Promise<string> {
  const iat = Math.floor(request.serverTimeMs / 1000);
  return new SignJWT({ htm: request.method, nonce: request.nonce })
    .setProtectedHeader({ alg: "EdDSA", typ: assertionType, kid: key.thumbprint })
    .setIssuer(request.agent)
    .setSubject(request.agent)
    .setAudience(request.audience)
    .setIssuedAt(iat)
    .setExpirationTime(iat + assertionSecondsMax)
    .setJti(randomUUID())
    .sign(await importJWK(key.privateJwk, "EdDSA"));
}
