import { createHash } from "node:crypto";

/** Hash of what a request asks for. Two requests with one idempotency key must have the same. */
export const requestHash = (method: string, path: string, body: unknown): string =>
  createHash("sha256")
    .update(`${method} ${path}\n${JSON.stringify(body)}`)
    .digest("hex");
