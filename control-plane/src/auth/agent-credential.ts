// What agents prove themselves with: nonces, enrolment proofs, assertions, join tokens. Imports jose; together with the
// person's credentials this is all of the package that does.
//  C1. Every check names algorithm, type, issuer and audience. A key is taken from the row, or for enrolment from the
//      proof itself, whose MAC by the join token covers its thumbprint.
//  C2. A nonce is ours, at most 60 s old, and needs no row: any replica checks it.
//  C3. The secret of a join token is never stored, only the key derived from it, sealed under a key of the keys folder.
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, importJWK, jwtVerify, compactVerify } from "jose";
import {
  AppError,
  assertionClaimsSchema,
  assertionSecondsMax,
  assertionType,
  enrolKeyInfo,
  enrolProofSchema,
  enrolProofType,
  publicJwkSchema,
  type AssertionClaims,
  type EnrolProof,
  type PublicJwk,
} from "@capstan/proto";
import { Seal } from "./seal.ts";

const nonceMs = 60_000;
const nonceBytes = 8 + 16;
const skewMs = 5_000;
const secretCharacters = 50; // 36^50 is above 2^256

const refused = (detail: string): AppError => new AppError("assertion_invalid", detail);

export class AgentCredentials {
  private readonly nonceKey: Buffer;
  private readonly tokenSeal: Seal;
  private readonly secretKey: Buffer;

  constructor(sealKey: Buffer) {
    this.nonceKey = Buffer.from(hkdfSync("sha256", sealKey, "", "capstan agent nonce v1", 32));
    this.tokenSeal = new Seal(sealKey, "capstan join token v1");
    this.secretKey = Buffer.from(hkdfSync("sha256", sealKey, "", "capstan join secret v1", 32));
  }

  makeNonce(nowMs: number): string {
    const body = Buffer.alloc(nonceBytes);
    body.writeBigUInt64BE(BigInt(nowMs));
    randomBytes(16).copy(body, 8);
    return Buffer.concat([body, this.nonceMac(body)]).toString("base64url");
  }

  /** True where the nonce is ours and at most a minute old. */
  isFresh(nonce: string, nowMs: number): boolean {
    const bytes = Buffer.from(nonce, "base64url");
    if (bytes.length !== nonceBytes + 32) return false;
    const body = bytes.subarray(0, nonceBytes);
    if (!timingSafeEqual(bytes.subarray(nonceBytes), this.nonceMac(body))) return false;
    const ageMs = nowMs - Number(body.readBigUInt64BE());
    return ageMs >= -skewMs && ageMs <= nonceMs;
  }

  /** The key id of an assertion, for finding the agent. Nothing about it is proved yet. @throws assertion_invalid */
  keyIdOf(assertion: string): string {
    try {
      const { kid } = decodeProtectedHeader(assertion);
      if (typeof kid === "string" && /^[A-Za-z0-9_-]{43}$/.test(kid)) return kid;
    } catch {
      // Falls through to the one answer for all of these.
    }
    throw refused("the assertion names no key");
  }

  /**
   * Checks an assertion against the agent's key. That `aud` is ours and `jti` is new is the caller's to check.
   * @throws assertion_invalid
   */
  async verifyAssertion(
    assertion: string,
    expected: { readonly key: PublicJwk; readonly agent: string; readonly method: string; readonly nowMs: number },
  ): Promise<AssertionClaims> {
    let payload: unknown;
    try {
      const verified = await jwtVerify(assertion, await importJWK({ ...expected.key }, "EdDSA"), {
        algorithms: ["EdDSA"],
        typ: assertionType,
        issuer: expected.agent,
        subject: expected.agent,
        currentDate: new Date(expected.nowMs),
        clockTolerance: skewMs / 1000,
        requiredClaims: ["aud", "exp", "iat", "jti"],
      });
      payload = verified.payload;
    } catch (cause) {
      throw new AppError("assertion_invalid", "the assertion is not signed by the agent's key, or is over", { cause });
    }
    const claims = assertionClaimsSchema.safeParse(payload);
    if (!claims.success) throw refused("the assertion lacks a claim");
    const { exp, iat, htm, nonce } = claims.data;
    if (exp - iat > assertionSecondsMax) throw refused("the assertion lives longer than a minute");
    if (htm !== expected.method) throw refused("the assertion was made for another request");
    if (!this.isFresh(nonce, expected.nowMs)) throw refused("the nonce is not ours or too old");
    return claims.data;
  }

  /** Checks the proof by the key that it holds. @throws join_token_invalid */
  async verifyEnrolProof(
    proof: string,
  ): Promise<EnrolProof & { identityThumbprint: string; sealingThumbprint: string }> {
    try {
      const identity = publicJwkSchema.parse(decodeJwt(proof)["identity"]);
      if (identity.crv !== "Ed25519") throw new Error("not a signing key");
      const { payload, protectedHeader } = await compactVerify(proof, await importJWK({ ...identity }, "EdDSA"), {
        algorithms: ["EdDSA"],
      });
      if (protectedHeader.typ !== enrolProofType) throw new Error("another kind of token");
      const claims = enrolProofSchema.parse(JSON.parse(new TextDecoder().decode(payload)));
      if (claims.sealing.crv !== "X25519") throw new Error("not a sealing key");
      return {
        ...claims,
        identityThumbprint: await calculateJwkThumbprint({ ...claims.identity }),
        sealingThumbprint: await calculateJwkThumbprint({ ...claims.sealing }),
      };
    } catch (cause) {
      throw new AppError("join_token_invalid", "the enrolment does not prove a join token that can be used here", {
        cause,
      });
    }
  }

  /**
   * The secret of a join token. It is derived from its id, so that a repeated request gets the same answer and nothing
   * needs to be kept; whoever has the key of the keys folder could open the sealed K as well.
   */
  joinSecret(tokenId: string): string {
    const bits = Buffer.from(hkdfSync("sha256", this.secretKey, tokenId, "capstan join secret v1", 48)).toString("hex");
    return (BigInt(`0x${bits}`) % 36n ** BigInt(secretCharacters)).toString(36).padStart(secretCharacters, "0");
  }

  /** K of a join token: from its secret, salted by its wire id. */
  joinKey(tokenId: string, secret: string): Buffer {
    return Buffer.from(hkdfSync("sha256", secret, tokenId, enrolKeyInfo, 32));
  }

  /** A key as it may stand in a row, bound to that row by `context`. */
  seal(key: Buffer, context: string): Buffer {
    return this.tokenSeal.seal(key, context);
  }

  open(sealed: Buffer, context: string): Buffer {
    return this.tokenSeal.open(sealed, context);
  }

  private nonceMac(body: Buffer): Buffer {
    return createHmac("sha256", this.nonceKey).update(body).digest();
  }
}

export const macText = (key: Buffer, text: string): string =>
  createHmac("sha256", key).update(text).digest("base64url");

/** Compares in constant time. */
export const sameMac = (a: string, b: string): boolean => {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
};
