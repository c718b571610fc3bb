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

type Nothing = Readonly<Record<never, never>>;
/** A field that has to be there where its type has something that must be said; `never`: it must not be there. */
type Field<K extends string, T> = [T] extends [never]
  ? { readonly [key in K]?: never }
  : Nothing extends T
    ? { readonly [key in K]?: T }
    : { readonly [key in K]: T };
/** The ETag of what the caller saw, where the route has a precondition. */
type Seen<N extends RouteName> = RouteTable[N] extends { readonly precondition: "required" }
  ? { readonly seen: string }
  : RouteTable[N] extends { readonly precondition: string }
    ? { readonly seen?: string }
    : { readonly seen?: never };

/**
 * What a call of the route says: a parameter of the path, a field of the body or an ETag that is missing, or one that the route
 * does not know, does not compile. `Given` are parameters that the client fills in itself.
 */
export type RouteCall<N extends RouteName, Given extends string = never> = Field<
  "params",
  Omit<RouteParams<N>, Given>
> &
  Field<"query", RouteQuery<N>> &
  Field<"body", RouteBody<N>> &
  Seen<N>;

/** The arguments behind a route's name: none are needed where nothing has to be said. */
export type CallArguments<Call> = Nothing extends Call ? readonly [call?: Call] : readonly [call: Call];
