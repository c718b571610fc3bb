// Entity tags and preconditions: whoever changes something shows which edition of it they saw.
//  E1. A tag is a hash of the settings themselves, so it is the same on every replica and after a restore of the database.
//  E2. The check runs in the transaction of the write, on the row that is locked for it: of two editors one is refused.
//  E3. A write that asks for what is so already is answered as done, whatever tag it shows: its first answer was lost
//      (RFC 9110, section 13.1.1).
import { createHash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError, routes, type JsonValue, type Route, type RouteName } from "@capstan/proto";

/** The strong tag of settings: quoted, the same for equal values. The order of an object's keys counts. */
export const etagOf = (settings: JsonValue): string =>
  `"${createHash("sha256").update(JSON.stringify(settings)).digest("base64url").slice(0, 22)}"`;

/** What runs on the locked row before it is changed or removed. @throws precondition_required precondition_failed */
export type CheckEdition<T> = (current: T) => void;

const tagPattern = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;

/** The tags of a header; undefined where it is not there. @throws malformed */
function tagsOf(name: string, header: string | undefined): readonly string[] | "*" | undefined {
  if (header === undefined) return undefined;
  if (header.trim() === "*") return "*";
  const tags = header.split(",").map((tag) => tag.trim());
  if (!tags.every((tag) => tagPattern.test(tag)))
    throw new AppError("malformed", `${name} must be *, or the ETag of an answer with its quotes`);
  return tags;
}

/** What a request says about the edition that it changes. */
export class Precondition {
  private readonly match: readonly string[] | "*" | undefined;
  private readonly isNew: boolean;

  constructor(headers: FastifyRequest["headers"]) {
    this.match = tagsOf("If-Match", headers["if-match"]);
    this.isNew = tagsOf("If-None-Match", headers["if-none-match"]) === "*";
  }

  /**
   * @param what in words: `the variable region`
   * @param current the tag of what is there, undefined where nothing is
   * @throws precondition_required precondition_failed, the latter with the tag of now
   */
  check(what: string, current: string | undefined): void {
    if (current === undefined) {
      if (this.match === undefined) return;
      throw new AppError("precondition_failed", `There is no such thing as ${what} any more; nothing was changed.`);
    }
    if (this.match === "*" || this.match?.includes(current) === true) return;
    if (this.match === undefined && !this.isNew)
      throw new AppError("precondition_required", `Send If-Match with the ETag of ${what} as you saw it.`);
    throw new AppError("precondition_failed", `Somebody changed ${what} meanwhile; nothing was changed.`, {
      evidence: { etag: current },
    });
  }
}

/**
 * Puts the tag on an answer. For a read of which the caller has the same edition already the answer is 304 without a body.
 * @returns the value, or undefined for a 304
 */
export function tagged<T>(
  name: RouteName,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  tag: string,
  value: T,
): T | undefined {
  const route: Route = routes[name];
  void reply.header("etag", tag);
  if (route.etag !== "whole" || route.method !== "GET") return value;
  // Who has it is asked weakly, as the standard says; a header that cannot be read asks for nothing.
  const seen = request.headers["if-none-match"]?.split(",").map((one) => one.trim().replace(/^W\//, "")) ?? [];
  if (!seen.includes(tag) && !seen.includes("*")) return value;
  void reply.status(304);
  return undefined;
}
