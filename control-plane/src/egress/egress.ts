// The one place from which the control plane fetches anything.
//  E1. All addresses of a name are resolved and must be public; the connection goes to one of those that were checked, so a
//      name that changes its address in between gains nothing. Hosts that the operator named are exempt.
//  E2. No redirect is followed, no credential stands in an address, an answer has 10 s and 1 MiB.
import { lookup, type LookupAddress, type LookupAllOptions } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { Agent, request } from "undici";
import { AppError } from "@capstan/proto";
import { isPublicAddress } from "./address.ts";

const timeoutMs = 10_000;
const answerBytesMax = 1024 * 1024;
const ports = new Set(["", "80", "443", "8443"]);

export interface EgressRequest {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** How long an answer may take; 10 s unless said. */
  readonly timeoutMs?: number;
}

export interface EgressAnswer {
  readonly status: number;
  /** When to ask again, in the words of the other side. */
  readonly retryAfter?: string;
  readonly text: string;
}

/** What fetches. A port, so that who uses it can be tried without a network. */
export interface Egress {
  /** @throws egress_denied; any other error where the other side does not answer in time or says too much */
  send(address: string, sent?: EgressRequest): Promise<EgressAnswer>;
  close(): Promise<void>;
}

export type Resolve = (
  name: string,
  options: LookupAllOptions,
  done: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
) => void;

export interface EgressOptions {
  /** `host` or `host:port` as they stand in addresses: these may be private, on any port. */
  readonly allow: readonly string[];
  /** All addresses of a name; the system's resolver unless said. */
  readonly resolve?: Resolve;
}

const denied = (host: string, rule: string): AppError =>
  new AppError("egress_denied", `${host} is not an address that the control plane connects to: ${rule}.`, {
    evidence: { host, rule },
  });

export class DirectEgress implements Egress {
  private readonly allow: ReadonlySet<string>;
  private readonly open = new Agent({ connectTimeout: timeoutMs });
  private readonly checked: Agent;

  constructor(options: EgressOptions) {
    this.allow = new Set(options.allow.map((host) => host.toLowerCase()));
    this.checked = new Agent({
      connectTimeout: timeoutMs,
      connect: { lookup: publicLookup(options.resolve ?? lookup) },
    });
  }

  /** What can be said of an address before it is connected to. @throws egress_denied */
  check(address: string, { tls = false }: { readonly tls?: boolean } = {}): void {
    const { url, named } = this.addressOf(address);
    if (tls && !named && url.protocol !== "https:") throw denied(url.host, "only https");
  }

  private addressOf(address: string): { readonly url: URL; readonly named: boolean } {
    const url = URL.canParse(address) ? new URL(address) : undefined;
    if (url === undefined || !["http:", "https:"].includes(url.protocol))
      throw denied(address.slice(0, 200), "only http and https");
    if (url.username !== "" || url.password !== "") throw denied(url.hostname, "no credentials in an address");
    const named = this.allow.has(url.hostname) || this.allow.has(url.host);
    if (!named) {
      if (!ports.has(url.port)) throw denied(url.host, "only the ports 80, 443 and 8443");
      const literal = url.hostname.replace(/^\[|\]$/g, "");
      // A literal address is never looked up, so it is checked here.
      if (isIP(literal) !== 0 && !isPublicAddress(literal)) throw denied(url.host, "not a public address");
    }
    return { url, named };
  }

  async send(address: string, sent: EgressRequest = {}): Promise<EgressAnswer> {
    const { url, named } = this.addressOf(address);
    const answerMs = sent.timeoutMs ?? timeoutMs;
    const signal = AbortSignal.timeout(answerMs);
    const answer = await request(url, {
      method: sent.method ?? "GET",
      headers: { ...sent.headers },
      ...(sent.body === undefined ? {} : { body: sent.body }),
      dispatcher: named ? this.open : this.checked,
      headersTimeout: answerMs,
      bodyTimeout: answerMs,
      signal,
    });
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of answer.body as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > answerBytesMax) throw new Error(`${url.host} answers more than ${answerBytesMax} bytes`);
      parts.push(part);
    }
    const { "retry-after": retryAfter } = answer.headers;
    const text = Buffer.concat(parts).toString("utf8");
    return { status: answer.statusCode, text, ...(typeof retryAfter === "string" ? { retryAfter } : {}) };
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.open.destroy(), this.checked.destroy()]);
  }
}

/** A look-up that gives public addresses or fails: one private address among them is reason enough. */
const publicLookup =
  (resolve: Resolve): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const wrong = found.find((entry) => !isPublicAddress(entry.address));
      if (wrong !== undefined) return callback(denied(hostname, `its address ${wrong.address} is not public`), []);
      const [first] = found;
      if (options.all === true || first === undefined) return callback(null, found);
      callback(null, first.address, first.family);
    });
  };
