// Who sends a request.
//  P1. The other end of the connection, unless that is a proxy which the operator named: then the rightmost address in its
//      header that is no such proxy. What a client writes there itself stands further left and is believed by nobody.
//  P2. One header is read, the one that the operator says the proxies write: another one comes from the client.
//  P3. Whoever came through something that forwards is on this machine only if a named proxy on this machine says so.
import { isIP } from "node:net";
import type { IncomingMessage } from "node:http";
import { isLoopback } from "../config.ts";
import { Networks } from "./networks.ts";

export type ForwardedHeader = "x-forwarded-for" | "forwarded";

export interface ProxyTrust {
  /** Networks of the proxies before us; none unless the operator names them. */
  readonly proxies: readonly string[];
  readonly header: ForwardedHeader;
}

type Connected = Pick<IncomingMessage, "headers"> & {
  readonly socket: Pick<IncomingMessage["socket"], "remoteAddress">;
  /** Of a request of Fastify's: what came from Node. */
  readonly raw?: object;
};

interface Peer {
  readonly address: string;
  readonly isLocal: boolean;
}

const headerCharsMax = 2_000;

const peers = new WeakMap<object, Peer>();

/** Finds out once for each request; what comes by another way than the front door is the other end of its connection. */
export class PeerFinder {
  private readonly trusted: Networks;
  private readonly header: ForwardedHeader;

  constructor({ proxies, header }: ProxyTrust) {
    this.trusted = new Networks(proxies);
    this.header = header;
  }

  remember(request: Connected & object): void {
    peers.set(request, this.find(request));
  }

  find(request: Connected): Peer {
    const connected = connectedAddress(request);
    const isForwarded = request.headers.forwarded !== undefined || request.headers["x-forwarded-for"] !== undefined;
    let address = connected;
    // Joined by Node where it was sent more than once.
    const given = String(request.headers[this.header] ?? "");
    // Nobody has so many proxies; what is longer was made to be read slowly.
    const value = given.length > headerCharsMax ? "" : given;
    for (const hop of (this.header === "forwarded" ? forwardedFor(value) : value.split(",")).toReversed()) {
      if (!this.trusted.holds(address)) break;
      const next = addressIn(hop);
      // What cannot be read is nobody: the proxy that wrote it stands for all behind it.
      if (next === undefined) break;
      address = next;
    }
    return {
      address,
      isLocal: isLoopback(connected) && isLoopback(address) && (!isForwarded || this.trusted.holds(connected)),
    };
  }
}

/** Values of `for` in a `Forwarded` header (RFC 7239), the nearest proxy's last; an empty text where an element has none. */
function forwardedFor(value: string): string[] {
  const elements = value.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  return elements.map((element) => /(?:^|;)\s*for=("?)([^";]*)\1/i.exec(element)?.[2] ?? "");
}

/** `203.0.113.7`, `203.0.113.7:4711`, `[2001:db8::1]:4711`, `::ffff:203.0.113.7`: the address; undefined for anything else. */
function addressIn(hop: string): string | undefined {
  const text = hop.trim();
  const bare = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text;
  const address = bare.replace(/^::ffff:(?=\d+\.)/i, "");
  return isIP(address) === 0 ? undefined : address;
}

const connectedAddress = ({ socket }: Connected): string => (socket.remoteAddress ?? "").replace(/^::ffff:/, "");

const known = (request: Connected): Peer | undefined => peers.get(request.raw ?? request);

/** Who sends the request; an IPv4 address is written as one, also where the socket speaks IPv6. */
export const peerAddress = (request: Connected): string => known(request)?.address ?? connectedAddress(request);

/** True for a peer on this machine. */
export const isLoopbackPeer = (request: Connected): boolean =>
  known(request)?.isLocal ?? isLoopback(connectedAddress(request));
