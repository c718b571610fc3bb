// Start-up check: every handler stands in the route table, or proves its caller itself under /agent/v1.
import "reflect-metadata";
import { AppError, routes } from "@capstan/proto";
import { ownProofKey, routeKey } from "../http/handle.ts";

/** Where Nest keeps the path of a handler and of its controller. */
const pathKey = "path";

type Controller = abstract new (...parameters: never[]) => object;

/** Handlers of controllers by the name of their route. @throws route_undeclared */
export function checkDeclared(controllers: readonly Controller[]): ReadonlySet<string> {
  const seen = new Set<string>();
  for (const controller of controllers) {
    const prefix = String(Reflect.getMetadata(pathKey, controller) ?? "");
    for (const name of Object.getOwnPropertyNames(controller.prototype)) {
      const handler: unknown = Reflect.get(controller.prototype, name);
      if (typeof handler !== "function" || name === "constructor") continue;
      const found: unknown = Reflect.getMetadata(pathKey, handler);
      if (found === undefined) continue;
      // A handler of several paths is checked as one that has none of ours.
      const path = typeof found === "string" ? found : JSON.stringify(found);
      const where = `${controller.name}.${name}`;
      if (Reflect.getMetadata(ownProofKey, handler) === true) {
        const full = `/${prefix}/${path}`.replace(/\/+/g, "/");
        if (!full.startsWith("/agent/v1/"))
          throw new AppError("route_undeclared", `${where} has its own proof outside /agent/v1`);
        continue;
      }
      const route: unknown = Reflect.getMetadata(routeKey, handler);
      if (typeof route !== "string" || !Object.hasOwn(routes, route)) {
        throw new AppError("route_undeclared", `${where} answers ${path} and declares no route`);
      }
      if (seen.has(route))
        throw new AppError("route_undeclared", `${where} handles ${route}, which has a handler already`);
      seen.add(route);
    }
  }
  return seen;
}
