// One HTTP request of an action or notifier. No proxy of the environment, no redirect unless asked for, no cookie.
//  H1. Credentials go to the origin that was named: a redirect elsewhere drops `authorization` and `cookie`.
//  H2. A URL in a message or note has no query string and no user: both carry tokens in practice.
import { Agent, request, type Dispatcher } from "undici";
import { failure } from "./failure.ts";
import type { Failure } from "@capstan/proto";

/** The body as bytes, or a maker where a redirect may need it again. */
export type RequestBody = string | Uint8Array | (() => NodeJS.ReadableStream & AsyncIterable<Uint8Array>) | undefined;

export interface HttpCall {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  readonly followRedirects: number;
  /** PEM to trust instead of the system's authorities. */
  readonly ca?: string;
}

export type HttpAnswer =
  | {
      readonly kind: "answer";
      readonly response: Dispatcher.ResponseData;
      readonly url: URL;
      readonly close: () => Promise<void>;
    }
  | { readonly kind: "failed"; readonly failure: Failure };

/** A URL for people. */
export const shownUrl = (url: URL): string => `${url.origin}${url.pathname}`;

/** `http:` and `https:` only; undefined for everything else. */
export function webUrl(text: string): URL | undefined {
  const url = URL.parse(text);
  return url !== null && (url.protocol === "http:" || url.protocol === "https:") ? url : undefined;
}

const redirects = new Set([301, 302, 303, 307, 308]);
const connectTimeoutMs = 15_000;
const quietTimeoutMs = 5 * 60_000;

const shared = new Agent({
  connect: { timeout: connectTimeoutMs },
  headersTimeout: quietTimeoutMs,
  bodyTimeout: quietTimeoutMs,
  keepAliveTimeout: 1_000,
});

/** Sends a request and follows redirects. The caller reads or destroys the body, then calls `close`. */
export async function sendRequest(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
  const own =
    call.ca === undefined
      ? undefined
      : new Agent({
          connect: { timeout: connectTimeoutMs, ca: call.ca },
          headersTimeout: quietTimeoutMs,
          bodyTimeout: quietTimeoutMs,
        });
  const close = async (): Promise<void> => {
    await own?.close().catch(() => undefined);
  };
  let { method, url, headers, body } = call;
  for (let hop = 0; ; hop++) {
    let response: Dispatcher.ResponseData;
    try {
      const content = typeof body === "function" ? body() : body;
      response = await request(url, {
        method: method as Dispatcher.HttpMethod, // checked by the caller: letters only
        headers,
        ...(content === undefined ? {} : { body: content as string | Uint8Array }), // undici takes a stream too; its type here names Readable
        dispatcher: own ?? shared,
        signal,
      });
    } catch (error) {
      await close();
      if (signal.aborted) throw error;
      return { kind: "failed", failure: noAnswer(method, url, error) };
    }
    const location = response.headers["location"];
    if (!redirects.has(response.statusCode) || typeof location !== "string" || hop >= call.followRedirects) {
      return { kind: "answer", response, url, close };
    }
    await response.body.dump().catch(() => undefined);
    const next = webUrl(URL.parse(location, url.href)?.href ?? "");
    if (next === undefined || (url.protocol === "https:" && next.protocol === "http:")) {
      await close();
      return {
        kind: "failed",
        failure: failure(
          "error",
          "http_failed",
          `${method} ${shownUrl(url)} redirects to an address that is not followed`,
        ),
      };
    }
    if (next.origin !== url.origin) headers = withoutCredentials(headers);
    if (response.statusCode === 303 || (response.statusCode < 303 && method === "POST")) {
      method = "GET";
      body = undefined;
      headers = Object.fromEntries(
        Object.entries(headers).filter(([name]) => !name.toLowerCase().startsWith("content-")),
      );
    }
    url = next;
  }
}

const withoutCredentials = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !["authorization", "cookie", "proxy-authorization"].includes(name.toLowerCase()),
    ),
  );

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: "the name cannot be resolved",
  EAI_AGAIN: "the name cannot be resolved now",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was closed before an answer came",
  UND_ERR_SOCKET: "the connection was closed before an answer came",
  UND_ERR_CONNECT_TIMEOUT: "nobody answered within 15 s",
  UND_ERR_HEADERS_TIMEOUT: "no answer came within 5 min",
  UND_ERR_BODY_TIMEOUT: "the answer stood still for 5 min",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ETIMEDOUT: "the connection timed out",
  CERT_HAS_EXPIRED: "the certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed; set ca",
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate authority is not trusted; set ca",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate cannot be verified; set ca",
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another name",
};

/** Why there is no answer. Only codes that are known are explained: messages of libraries may quote what was sent. */
export function noAnswer(method: string, url: URL, error: unknown): Failure {
  const code = codeOf(error);
  return failure(
    "error",
    "http_failed",
    `${method} ${shownUrl(url)}: ${reasons[code] ?? `no answer (${code || "unknown reason"})`}`,
  );
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

const retryAfterMsMax = 7 * 24 * 3600 * 1000;

/** `Retry-After` of 429 and 503 in milliseconds: seconds, or a date. */
export function retryAfterMs(response: Dispatcher.ResponseData, nowMs: number): number | undefined {
  if (response.statusCode !== 429 && response.statusCode !== 503) return undefined;
  const text = response.headers["retry-after"];
  if (typeof text !== "string") return undefined;
  const ms = /^[0-9]+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, retryAfterMsMax) : undefined;
}

/** The failure of an answer with an unexpected status. The status stands first: `retry.causes` reads it there. */
export const badStatus = (method: string, url: URL, response: Dispatcher.ResponseData): Failure =>
  failure(
    "error",
    "http_status",
    `${response.statusCode}${response.statusText ? ` ${response.statusText}` : ""} from ${method} ${shownUrl(url)}`,
  );
