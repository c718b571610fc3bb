// What makes a creation repeatable: who asks, under which key, for what.
import { routes, routePath, type RouteName } from "@capstan/proto";
import type { CallOf } from "./call.ts";
import { requestHash } from "./request-hash.ts";

export interface OnceKey {
  readonly caller: string;
  readonly key: string;
  readonly requestSha256: string;
}

/** An answer, and whether it is that of an earlier request with the same key. */
export interface Once<T> {
  readonly value: T;
  readonly isReplayed: boolean;
}

/** The key of a request, or undefined where its client gave none. */
export function onceKeyOf<N extends RouteName>(name: N, call: CallOf<N>): OnceKey | undefined {
  if (call.idempotencyKey === undefined) return undefined;
  const { method, path } = routes[name];
  const params: Readonly<Record<string, string>> = call.params;
  return {
    caller: call.principal.userId,
    key: call.idempotencyKey,
    requestSha256: requestHash(method, routePath(path, params), call.body),
  };
}
