import { Catch, type ArgumentsHost, type ExceptionFilter } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import { problemMediaType, routes, type Route } from "@capstan/proto";
import type { Log } from "../telemetry/log.ts";
import { problemOf, type IsUnavailable } from "./problem.ts";

/** What answering a failure needs. */
export interface Rim {
  readonly log: Log;
  readonly isUnavailable: IsUnavailable;
}

/** The one place where a failure becomes an answer. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly rim: Rim;

  constructor(rim: Rim) {
    this.rim = rim;
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendProblem(http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>(), thrown, this.rim);
  }
}

/** Sends a problem, unless an answer has begun; then the connection is cut, so that nobody takes it for whole. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, thrown: unknown, rim: Rim): void {
  const path = request.url.split("?", 1)[0] ?? "/";
  const problem = problemOf(withMethod(thrown, request.method, path), path, request.id, rim.isUnavailable);
  if (problem.unexpected) {
    rim.log.error({ requestId: request.id, method: request.method, route: path, err: thrown }, "request failed");
  }
  if (reply.raw.headersSent) {
    reply.raw.destroy();
    return;
  }
  if (problem.retryAfterSeconds !== undefined) void reply.header("retry-after", String(problem.retryAfterSeconds));
  const { etag } = problem.document.evidence ?? {};
  if (problem.document.status === 412 && typeof etag === "string") void reply.header("etag", etag);
  if (problem.document.status === 401) void reply.header("www-authenticate", "Bearer");
  void reply
    .status(problem.document.status)
    .header("content-type", problemMediaType)
    .header("cache-control", "no-store")
    .send(JSON.stringify(problem.document));
}

const patterns = Object.values(routes).map((route: Route) => ({
  method: route.method,
  pattern: new RegExp(`^${route.path.replaceAll(".", "\\.").replace(/\{\w+\}/g, "[^/]+")}$`),
}));

/** Methods of the API for a path. */
export const methodsOf = (path: string): readonly string[] =>
  patterns.filter((route) => route.pattern.test(path)).map((route) => route.method);

/** The router knows no path without its method: a path that exists with another one is a 405, not a 404. */
function withMethod(thrown: unknown, method: string, path: string): unknown {
  const notFound =
    typeof thrown === "object" && thrown !== null && "getStatus" in thrown && typeof thrown.getStatus === "function"
      ? thrown.getStatus() === 404
      : false;
  if (!notFound) return thrown;
  const methods = methodsOf(path);
  const other = methods.length > 0 ? !methods.includes(method) : method !== "GET" && method !== "HEAD" && !isOurs(path);
  return other ? { statusCode: 405 } : thrown;
}

/** Paths that the console never sees. */
export const isOurs = (path: string): boolean => /^\/(?:api|agent|auth|hooks|oidc|\.well-known)(?:\/|$)/.test(path);
