// What a client sends and gets, by the name of a route.
import type { z } from "zod";
import type { routes } from "./routes.ts";

export type RouteTable = typeof routes;
export type RouteName = keyof RouteTable;

type SchemaAt<N extends RouteName, K extends string> = RouteTable[N] extends { readonly [key in K]: infer S }
  ? S
  : never;

/** What a client sends and gets, by the route's name; `never` where the route has none. */
export type RouteBody<N extends RouteName> =
  SchemaAt<N, "body"> extends z.ZodType ? z.input<SchemaAt<N, "body">> : never;
export type RouteQuery<N extends RouteName> =
  SchemaAt<N, "query"> extends z.ZodType ? z.input<SchemaAt<N, "query">> : never;
export type RouteResponse<N extends RouteName> =
  SchemaAt<N, "response"> extends z.ZodType ? z.output<SchemaAt<N, "response">> : never;

type ParamsIn<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamsIn<Rest>
  : never;
/** Parameters of the route's path. */
export type RouteParams<N extends RouteName> = { readonly [key in ParamsIn<RouteTable[N]["path"]>]: string | number };
