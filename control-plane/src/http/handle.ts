// The link between a handler and its entry in the route table. A handler without one does not start (auth/declared.ts).
import "reflect-metadata";
import { applyDecorators, Delete, Get, HttpCode, Patch, Post, Put, SetMetadata } from "@nestjs/common";
import { routes, type Route, type RouteName } from "@capstan/proto";

export const routeKey = "capstan:route";
/** Marks a handler of the agents' routes, which carry their own proof. */
export const ownProofKey = "capstan:own-proof";

const methods = { GET: Get, POST: Post, PUT: Put, PATCH: Patch, DELETE: Delete } as const;

/** Makes a method the handler of a route: method, path and status come from the table. */
export function Handles(name: RouteName): MethodDecorator {
  const route: Route = routes[name];
  const path = route.path.replace(/\{(\w+)\}/g, ":$1");
  return applyDecorators(methods[route.method](path), HttpCode(route.status ?? 200), SetMetadata(routeKey, name));
}

/** For handlers under /agent/v1 alone: who calls is proved by the message itself, which the handler must check. */
export const OwnProof = (): MethodDecorator => SetMetadata(ownProofKey, true);
