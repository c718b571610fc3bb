// Where a request may come from.
//  N1. Host is loopback or the public host on every request: a page elsewhere that rebinds its name gets 421.
//  N2. A change that is made with the cookie needs Origin to be the origin that the browser sees us under.
import type { IncomingMessage } from "node:http";
import { AppError } from "@capstan/proto";
import { isLoopback } from "../config.ts";

export interface Origins {
  /** Of CAPSTAN_PUBLIC_URL, if set. */
  readonly publicUrl: string | undefined;
}

type Request = Pick<IncomingMessage, "headers" | "method">;

/** @throws host_refused */
export function checkHost(request: Request, origins: Origins): void {
  const host = request.headers.host ?? "";
  if (hostAllowed(host, origins)) return;
  throw new AppError("host_refused", "The Host header is neither loopback nor the host of CAPSTAN_PUBLIC_URL.");
}

function hostAllowed(host: string, origins: Origins): boolean {
  if (!/^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/.test(host)) return false;
  const name = host.replace(/:\d{1,5}$/, "").toLowerCase();
  if (isLoopback(name)) return true;
  return origins.publicUrl !== undefined && new URL(origins.publicUrl).host === host.toLowerCase();
}

/** @throws origin_refused */
export function checkOrigin(request: Request, origins: Origins): void {
  const origin = request.headers.origin;
  const host = request.headers.host ?? "";
  const same =
    origin === origins.publicUrl || (origin === `http://${host}` && hostAllowed(host, { publicUrl: undefined }));
  if (origin !== undefined && same) return;
  throw new AppError(
    "origin_refused",
    "A change with the session cookie must come from Capstan's own pages; the Origin header does not name them.",
  );
}
