// The only way to Vault and OpenBao: node-vault's transport, replaced.
//  T1. The address asked for is compared with the one built from checked parts; any difference is refused.
//  T2. No redirect is followed, so the token never reaches another origin.
//  T3. 5 s and 1 MiB for an answer; certificates are always checked; proxies and VAULT_* variables change nothing.
import { Agent, request } from "undici";

export const vaultTimeoutMs = 5_000;
export const vaultBytesMax = 1024 * 1024;

/** What node-vault asks of its transport; only what we use is read. */
interface TransportRequest {
  readonly uri: string;
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
}
interface TransportAnswer {
  readonly statusCode: number;
  readonly body: unknown;
  readonly request: { readonly path: string };
}

/** The store could not be asked; says nothing of what it answered. */
export class VaultUnreachable extends Error {}

export interface VaultTransport {
  readonly defaults: () => (options: TransportRequest) => Promise<TransportAnswer>;
}

/**
 * A transport for exactly one address.
 * @param url the whole address that may be asked
 * @param ca PEM of the certificate authority to trust instead of the system's
 */
export function vaultTransport(url: URL, signal: AbortSignal, ca?: string): VaultTransport {
  const send = async (options: TransportRequest): Promise<TransportAnswer> => {
    if (options.uri !== url.href || (options.method !== "GET" && options.method !== "POST")) {
      throw new VaultUnreachable("the client asked for another address than the reference names");
    }
    const dispatcher = new Agent({
      connect: { timeout: vaultTimeoutMs, rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) },
      maxResponseSize: vaultBytesMax,
      pipelining: 0,
    });
    try {
      const answer = await request(url, {
        method: options.method,
        headers: { ...options.headers, accept: "application/json" },
        ...(options.json === undefined ? {} : { body: JSON.stringify(options.json) }),
        dispatcher,
        signal: AbortSignal.any([signal, AbortSignal.timeout(vaultTimeoutMs)]),
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 300 && answer.statusCode < 400) {
        throw new VaultUnreachable(`it answered with a redirect (${answer.statusCode}), which is not followed`);
      }
      let body: unknown;
      try {
        body = text === "" ? undefined : JSON.parse(text);
      } catch {
        body = undefined; // a proxy's HTML page: the status says enough, its text must not travel on
      }
      return { statusCode: answer.statusCode, body, request: { path: url.pathname } };
    } finally {
      await dispatcher.close().catch(() => undefined);
    }
  };
  return { defaults: () => send };
}
