// Secrets from Vault or OpenBao, key-value engine version 2 or 1.
//  S1. node-vault never sees an author's text: the path is rebuilt from checked segments.
//  S2. A store's answer is never part of an error: its status decides, its body is dropped.
import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "@capstan/proto";
import vaultClient from "node-vault";
import { secretField } from "./file.ts";
import { referenceText, type VaultReference } from "./vault-path.ts";
import { vaultTransport, VaultUnreachable } from "./vault-transport.ts";

/** One store of the agent's configuration. */
export interface VaultStore {
  /** Origin, for example `https://vault.example.org:8200`. */
  readonly address: string;
  readonly namespace?: string;
  /** The token to present; asked for at each use, so it can come from a file that is renewed. */
  readonly token: () => string | Promise<string>;
  /** Version of the key-value engine (2). */
  readonly engine?: 1 | 2;
  readonly ca?: string;
}

const triesMax = 3;
const withinMs = 30_000;

/** node-vault with what it would read from the environment given, and what would print bodies silenced. */
const clientOf = (
  store: VaultStore,
  token: string,
  url: URL,
  signal: AbortSignal,
): { read(path: string): Promise<unknown> } =>
  vaultClient({
    apiVersion: "v1",
    endpoint: url.origin,
    // The library takes VAULT_PREFIX and VAULT_NAMESPACE where these are empty; the caller has deleted VAULT_*.
    pathPrefix: "",
    namespace: store.namespace ?? "",
    token,
    debug: () => undefined,
    "request-promise": vaultTransport(url, signal, store.ca),
  } as unknown as Parameters<typeof vaultClient>[0]); // its types do not know `debug` and the replaced transport

/** Deletes every VAULT_* and BAO_* variable of a process's environment. Called once at the start of the process that resolves. */
export function forgetVaultEnvironment(environment: Record<string, string | undefined>): void {
  for (const name of Object.keys(environment)) {
    if (name.startsWith("VAULT_") || name.startsWith("BAO_")) delete environment[name];
  }
}

const statusOf = (error: unknown): number | undefined => {
  if (typeof error !== "object" || error === null || !("response" in error)) return undefined;
  const response = error.response;
  return typeof response === "object" &&
    response !== null &&
    "statusCode" in response &&
    typeof response.statusCode === "number"
    ? response.statusCode
    : undefined;
};

/** Where a key-value engine keeps a path. */
function addressOf(store: VaultStore, reference: VaultReference): { readonly path: string; readonly url: URL } {
  const engine = store.engine ?? 2;
  const parts = engine === 2 ? [reference.mount, "data", ...reference.path] : [reference.mount, ...reference.path];
  const query = engine === 2 && reference.version !== undefined ? `?version=${reference.version}` : "";
  const path = parts.join("/") + query;
  return { path, url: new URL(`/v1/${path}`, store.address) };
}

/**
 * The value that a `vault:` reference names.
 * @throws policy_denied for an alias that is not configured; secret_denied where the store says 403;
 *   secret_unavailable where it is sealed, unreachable or has no such value (3 tries within 30 s for trouble)
 */
export async function resolveVault(
  reference: VaultReference,
  stores: Readonly<Record<string, VaultStore>>,
  signal: AbortSignal,
): Promise<string> {
  const text = referenceText(reference);
  const store = Object.hasOwn(stores, reference.alias) ? stores[reference.alias] : undefined;
  if (store === undefined) {
    throw new AppError("policy_denied", `this agent has no secret store with the alias ${reference.alias} (${text})`, {
      evidence: { by: "agent", rule: "secrets" },
    });
  }
  const { path, url } = addressOf(store, reference);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  let trouble = "";
  for (let attempt = 1; attempt <= triesMax && !limit.aborted; attempt++) {
    if (attempt > 1) await delay(200 * 4 ** (attempt - 2), undefined, { signal: limit }).catch(() => undefined);
    let body: unknown;
    try {
      body = await clientOf(store, await store.token(), url, limit).read(path);
    } catch (error) {
      const status = statusOf(error);
      if (status === 403) {
        throw new AppError("secret_denied", `${text}: the store ${url.origin} does not allow this identity to read it`);
      }
      if (status === 404) {
        throw new AppError("secret_unavailable", `${text}: the store ${url.origin} has nothing there`);
      }
      if (status !== undefined && status < 500 && status !== 429 && status !== 412) {
        throw new AppError("secret_unavailable", `${text}: the store ${url.origin} answered ${status}`);
      }
      trouble =
        status !== undefined
          ? status === 503
            ? "is sealed or not ready (503)"
            : `answered ${status}`
          : error instanceof VaultUnreachable
            ? error.message
            : "cannot be reached";
      continue;
    }
    return secretField(fieldsOf(body, store.engine ?? 2), reference.key, text);
  }
  throw new AppError("secret_unavailable", `${text}: the store ${url.origin} ${trouble || "did not answer in time"}`);
}

const property = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key] // an object with that own key
    : undefined;

const fieldsOf = (body: unknown, engine: 1 | 2): unknown => {
  const outer = property(body, "data");
  return engine === 2 ? property(outer, "data") : outer;
};
