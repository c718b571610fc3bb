import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { idFromUuid, uuidV7 } from "@capstan/proto";

const acceptable = /^[A-Za-z0-9._-]{8,128}$/;

/** The caller's X-Request-Id where it is a plain word, else a new one: `req_…`. */
export function requestId(request: Pick<IncomingMessage, "headers">): string {
  const given = request.headers["x-request-id"];
  if (typeof given === "string" && acceptable.test(given)) return given;
  return idFromUuid("run", uuidV7(Date.now(), randomBytes(10))).replace("run_", "req_");
}
