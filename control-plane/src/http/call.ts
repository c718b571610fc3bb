// A request as its handler sees it: checked against the schemas of its route, with who asks and in which project.
import { createParamDecorator, type ExecutionContext } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import {
  AppError,
  routes,
  type Problem,
  type Route,
  type RouteName,
  type RouteParams,
  type RouteTable,
} from "@capstan/proto";
import { refuseHuge } from "./body-bounds.ts";
import { Precondition } from "./etag.ts";
import { contextOf, type Principal, type ProjectScope } from "./request-context.ts";

type Parsed<N extends RouteName, K extends "query" | "body"> = RouteTable[N] extends { readonly [key in K]: infer S }
  ? S extends z.ZodType
    ? z.output<S>
    : undefined
  : undefined;

export interface CallOf<N extends RouteName> {
  readonly params: { readonly [key in keyof RouteParams<N>]: string };
  readonly query: Parsed<N, "query">;
  readonly body: Parsed<N, "body">;
  /** Of a route with permission `none` there may be no caller, and of one without a project no project. */
  readonly principal: Principal;
  readonly project: ProjectScope;
  /** `user:ana`: how the caller is named in histories. */
  readonly actor: string;
  readonly idempotencyKey: string | undefined;
  /** Of a route that has one. */
  readonly precondition: RouteTable[N] extends { readonly precondition: string } ? Precondition : undefined;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Parameter of a handler: `@Call("runGet") call: CallOf<"runGet">`. */
export const Call = createParamDecorator((name: RouteName, execution: ExecutionContext) => readCall(name, execution));

function readCall(name: RouteName, execution: ExecutionContext): unknown {
  const http = execution.switchToHttp();
  const request = http.getRequest<FastifyRequest>();
  const reply = http.getResponse<FastifyReply>();
  const route: Route = routes[name];
  const context = contextOf(request);
  const principal = context?.principal;
  return {
    params: request.params,
    query: route.query === undefined ? undefined : parse(route.query, request.query, ""),
    body: route.body === undefined ? undefined : parse(route.body, checkedBody(request), ""),
    principal,
    project: context?.project,
    actor: principal === undefined ? "" : actorOf(principal),
    idempotencyKey: route.idempotency === "key" ? idempotencyKey(request) : undefined,
    precondition: route.precondition === undefined ? undefined : new Precondition(request.headers),
    request,
    reply,
  };
}

export const actorOf = (principal: Principal): string =>
  principal.kind === "local" ? "local" : `user:${principal.name}`;

/** A body that was left out is an empty object: every field of such routes may be left out as well. */
function checkedBody(request: FastifyRequest): unknown {
  const body = request.body ?? {};
  refuseHuge(body);
  return body;
}

/** @throws malformed with one problem for each place */
export function parse(schema: z.ZodType, value: unknown, pointer: string): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue): Problem[] => {
    const base =
      pointer + issue.path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        code: "unknown_key",
        pointer: `${base}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`,
        detail: `${key} is not a field of this request`,
      }));
    }
    return [{ code: issue.code, pointer: base, detail: issue.message }];
  });
  const first = problems[0];
  const where = first?.pointer === undefined || first.pointer === "" ? "" : `${first.pointer}: `;
  throw new AppError("malformed", `${where}${first?.detail ?? "the request does not have its form"}`, { problems });
}

const keyPattern = /^[\x21-\x7e][\x20-\x7e]{0,254}$/;

function idempotencyKey(request: FastifyRequest): string | undefined {
  const header = request.headers["idempotency-key"];
  if (header === undefined) return undefined;
  if (typeof header !== "string" || !keyPattern.test(header)) {
    throw new AppError("malformed", "Idempotency-Key must be 1 to 255 printable ASCII characters, given once");
  }
  return header;
}
