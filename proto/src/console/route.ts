// The shape of a route. The table in routes.ts is what server, CLI, console, OpenAPI and documentation are made from.
import { z } from "zod";
import type { ErrorCode } from "../error/catalogue.ts";
import type { RoutePermission } from "../permissions.ts";

export type RouteMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Route {
  readonly method: RouteMethod;
  /** Parameters in braces: `/api/v1/projects/{project}/runs/{run}`. */
  readonly path: string;
  readonly summary: string;
  readonly permission: RoutePermission;
  /** `safe`: reads. `yes`: may be repeated by nature. `key`: takes an Idempotency-Key. `no`: neither. */
  readonly idempotency: "safe" | "yes" | "key" | "no";
  readonly query?: z.ZodType;
  /** A JSON body. Absent: the route takes none. */
  readonly body?: z.ZodType;
  /** A body that is not JSON, by its media type. */
  readonly rawBody?: "application/octet-stream" | "*/*";
  /** The JSON of a 2xx answer. Absent: no body, or `responseType` says what. */
  readonly response?: z.ZodType;
  /** Status of a success; 200 unless said. 303 leads a browser on. */
  readonly status?: 200 | 201 | 202 | 204 | 303;
  /** Status of a success that has come to its end already, where it may be another one. */
  readonly otherStatus?: 200;
  /** Media type of an answer that is not JSON, or may be another one on request. */
  readonly responseType?: string;
  /**
   * The answer carries a strong `ETag`: of everything it says (`whole`; `If-None-Match` answers 304 where it is a read), or
   * of what people change about it (`settings`), where it also tells what changes by itself.
   */
  readonly etag?: "whole" | "settings";
  /** `If-Match` is needed, with the ETag of what the caller saw. `unless_new`: making something new needs none. */
  readonly precondition?: "required" | "unless_new";
  /** Codes beside those that every route of its kind may answer (`routeErrors`). */
  readonly errors?: readonly ErrorCode[];
}

/** Codes that every route may answer. */
export const commonErrors = [
  "malformed",
  "unauthenticated",
  "forbidden",
  "host_refused",
  "not_found",
  "method_not_allowed",
  "rate_limited",
  "head_too_large",
  "internal",
  "unavailable",
] as const satisfies readonly ErrorCode[];

/** Every code that a route may answer: of all routes, of those with a body, a key or a precondition, and its own. */
export const routeErrors = (route: Route): readonly ErrorCode[] => [
  ...commonErrors,
  ...(route.body === undefined && route.rawBody === undefined
    ? []
    : (["body_too_large", "media_type_refused"] as const)),
  ...(route.idempotency === "key" ? (["idempotency_key_reused"] as const) : []),
  ...(route.precondition === undefined ? [] : (["precondition_required", "precondition_failed"] as const)),
  ...(route.errors ?? []),
];

/** `/runs/{run}` and `{ run: "hello-1" }` as `/runs/hello-1`. Throws where a parameter is missing. */
export function routePath(path: string, params: Readonly<Record<string, string | number>> = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined) throw new Error(`the path ${path} needs ${name}`);
    return encodeURIComponent(String(value));
  });
}

/** Names of the parameters of a path, in order. */
export const routeParams = (path: string): readonly string[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");

export type QueryValue = string | number | boolean | null | undefined;

/** Query text of an object: arrays repeat their key, undefined is left out. Begins with `?` unless empty. */
export function routeQuery(query: Readonly<Record<string, QueryValue | readonly QueryValue[]>> = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    const values = typeof value === "object" && value !== null ? value : [value];
    for (const item of values) if (item !== undefined && item !== null) search.append(key, String(item));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

/** Numbers of versions and of events of a run are integers of the database. */
export const int32Max = 2_147_483_647;

/** A whole number in a query. */
export const queryInteger = (min: number, max: number) => z.coerce.number<number | string>().int().min(min).max(max);

/** A yes or no in a query: `1`, `true`, `0`, `false`. */
export const queryFlag = () =>
  z
    .union([z.boolean(), z.enum(["1", "true", "0", "false"])])
    .transform((value) => value === true || value === "1" || value === "true");

/** A key that may be repeated; the values are alternatives. */
export const queryList = <T extends z.ZodType<unknown, string>>(item: T) =>
  z.union([item.transform((value) => [value]), z.array(item).max(50)]);

/** An answer that is one page of a list. */
export const page = <T extends z.ZodType>(item: T) =>
  z.object({
    data: z.array(item),
    /** Opaque; goes back as `cursor`. Null at the end. */
    nextCursor: z.string().nullable(),
    /** Only with `count=true`; counted up to 10,000. */
    total: z.number().int().optional(),
  });

/** The query of every list. */
export const pageQuery = {
  limit: queryInteger(1, 500).optional(),
  cursor: z.string().max(1024).optional(),
  count: queryFlag().optional(),
} as const;

const firstMs = Date.parse("0001-01-01T00:00:00.000Z");
const lastMs = Date.parse("9999-12-31T23:59:59.999Z");

/** A time as somebody gives it, with its offset; taken on in UTC, since a database knows fewer offsets and years than ISO 8601. */
export const givenTime = () =>
  z.iso
    .datetime({ offset: true })
    .refine(
      (text) => Date.parse(text) >= firstMs && Date.parse(text) <= lastMs,
      "must be a time of the years 1 to 9999",
    )
    .transform((text) => new Date(text).toISOString());

export const timeSchema = z.iso.datetime({ precision: 3 });
export const labelMapSchema = z.record(z.string(), z.string());
