// What an OpenID provider says of itself: its discovery document and its keys, each believed for a while.
//  V1. The provider is who its document says, letter by letter as configured.
//  V2. Nothing is asked of it before it is needed: a provider that is away stops nothing else.
import { z } from "zod";
import { AppError } from "@capstan/proto";
import { isSafe } from "../config-oidc.ts";
import type { Egress } from "../egress/egress.ts";
import { KeyUnknown, keySetSchema, type KeySet } from "./id-token.ts";

const discoveryMs = 3_600_000;
const keysMs = 600_000;
/** Keys that are not known are looked for again, but not more often. */
const keysAgainMs = 30_000;

export const safeAddress = z.url().refine((text) => URL.canParse(text) && isSafe(new URL(text)), "must be https");

/** What is needed to check the tokens of a provider. */
export const discoverySchema = z.looseObject({ issuer: z.string(), jwks_uri: safeAddress });
type Discovery = z.infer<typeof discoverySchema>;

export class Provider<D extends Discovery = Discovery> {
  readonly issuer: string;
  private readonly schema: z.ZodType<D>;
  private readonly egress: Egress;
  private readonly nowMs: () => number;
  private discovered: { readonly value: D; readonly atMs: number } | undefined;
  private keys: { readonly value: KeySet; readonly atMs: number } | undefined;

  /** @param issuer as it stands in the provider's tokens */
  constructor(issuer: string, schema: z.ZodType<D>, egress: Egress, nowMs: () => number = Date.now) {
    this.issuer = issuer;
    this.schema = schema;
    this.egress = egress;
    this.nowMs = nowMs;
  }

  /** @throws oidc_unavailable */
  async discovery(): Promise<D> {
    const known = this.discovered;
    if (known !== undefined && this.nowMs() - known.atMs < discoveryMs) return known.value;
    const address = `${this.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    const value = parsed(this.schema, await this.get(address), address);
    if (value.issuer !== this.issuer)
      throw unavailable(`${address} is of the issuer ${value.issuer.slice(0, 200)}, not ${this.issuer}`);
    this.discovered = { value, atMs: this.nowMs() };
    return value;
  }

  /** What `verify` makes of a token; where the token names a key that is not known, with keys fetched anew. */
  async verified<T>(verify: (keys: KeySet) => Promise<T>): Promise<T> {
    const { jwks_uri: address } = await this.discovery();
    try {
      return await verify(await this.keySet(address, keysMs));
    } catch (error) {
      if (!(error instanceof KeyUnknown)) throw error;
    }
    return verify(await this.keySet(address, keysAgainMs));
  }

  /** Sends by way of the egress rules. @throws oidc_unavailable where nothing comes back */
  async send(...request: Parameters<Egress["send"]>): ReturnType<Egress["send"]> {
    try {
      return await this.egress.send(...request);
    } catch (cause) {
      if (cause instanceof AppError && cause.code === "egress_denied") throw unavailable(cause.message, cause);
      throw unavailable(`${this.issuer} does not answer`, cause);
    }
  }

  /** Text of a 200 answer. @throws oidc_unavailable */
  private async get(address: string): Promise<string> {
    const answer = await this.send(address, { headers: { accept: "application/json" } });
    if (answer.status !== 200) throw unavailable(`${address} answered ${answer.status}`);
    return answer.text;
  }

  private async keySet(address: string, ageMs: number): Promise<KeySet> {
    const known = this.keys;
    if (known !== undefined && this.nowMs() - known.atMs < ageMs) return known.value;
    const value = parsed(keySetSchema, await this.get(address), address);
    this.keys = { value, atMs: this.nowMs() };
    return value;
  }
}

export const unavailable = (detail: string, cause?: unknown): AppError =>
  new AppError(
    "oidc_unavailable",
    `The identity provider cannot be used now: ${detail}.`,
    cause === undefined ? {} : { cause },
  );

/** JSON of a provider in the form that it should have. @throws oidc_unavailable */
export function parsed<T extends z.ZodType>(schema: T, text: string, from: string): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw unavailable(`${from} answered something else than JSON`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw unavailable(`${from} answered without ${result.error.issues[0]?.path.join(".") ?? "its form"}`);
}
