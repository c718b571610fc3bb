import type { IncomingMessage } from "node:http";
import { isLoopback } from "../config.ts";

type Connected = { readonly socket: Pick<IncomingMessage["socket"], "remoteAddress"> };

/** Who is at the other end of the connection; an IPv4 address is written as one, also where the socket speaks IPv6. */
export const peerAddress = ({ socket }: Connected): string => (socket.remoteAddress ?? "").replace(/^::ffff:/, "");

/** True for a peer on this machine. */
export const isLoopbackPeer = (request: Connected): boolean => isLoopback(peerAddress(request));
