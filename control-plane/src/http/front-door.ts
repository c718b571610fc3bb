// The one port: Fastify with our limits, ids, headers and checks, before any handler runs.
import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { AppError, problemMediaType, requestBytesMax, routes, type Route } from "@capstan/proto";
import { checkHost } from "../auth/origin.ts";
import type { Site } from "../auth/site.ts";
import { PeerFinder, type ProxyTrust } from "./peer.ts";
import { problemOf } from "./problem.ts";
import { sendProblem, type Rim } from "./problem.filter.ts";
import { keepRaw } from "./raw-body.ts";
import { requestId } from "./request-id.ts";

export function makeAdapter(rim: Rim): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: requestBytesMax,
    genReqId: (request: IncomingMessage) => requestId(request),
    keepAliveTimeout: 65_000,
    requestTimeout: 300_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 512, caseSensitive: true, ignoreTrailingSlash: false },
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(request, reply, error, rim),
    clientErrorHandler: refuseUnread,
  });
}

/** What Node refuses before there is a request, in the form of every other refusal. */
function refuseUnread(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const statusCode = error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
  const thrown = Object.assign(new Error("not readable"), { statusCode });
  const { document } = problemOf(thrown, "", requestId({ headers: {} }), () => false);
  const body = JSON.stringify(document);
  socket.end(
    `HTTP/1.1 ${document.status} ${STATUS_CODES[document.status] ?? ""}\r\ncontent-type: ${problemMediaType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/** Routes whose body is a stream of bytes; every other takes JSON or nothing. */
const ofBytes = new Set(
  Object.values<Route>(routes)
    .filter((route) => route.rawBody !== undefined)
    .map((route) => route.path.replace(/\{(\w+)\}/g, ":$1")),
);

/** A stream is no JSON and JSON no stream: each has a parser, so a type that is not the route's own stops here. */
function checkMediaType(request: FastifyRequest): void {
  const type = request.headers["content-type"];
  if (type === undefined || request.method === "GET" || request.method === "HEAD") return;
  const { url = "" } = request.routeOptions;
  const wanted = ofBytes.has(url) || url.startsWith("/agent/v1/files/");
  if (wanted === /^application\/octet-stream\s*(?:;|$)/i.test(type)) return;
  throw new AppError(
    "media_type_refused",
    `The body must be ${wanted ? "application/octet-stream" : "application/json"}.`,
  );
}

export function prepareFrontDoor(fastify: FastifyInstance, site: Site, rim: Rim, trust: ProxyTrust): void {
  const peers = new PeerFinder(trust);
  fastify.addHook("onRequest", (request, reply, done) => {
    peers.remember(request.raw);
    void reply.header("x-request-id", request.id);
    void reply.header("x-content-type-options", "nosniff");
    void reply.header("referrer-policy", "no-referrer");
    void reply.header("x-frame-options", "DENY");
    if (site.cookie.secure) void reply.header("strict-transport-security", "max-age=31536000; includeSubDomains");
    if (request.url.startsWith("/hooks/")) keepRaw(request);
    try {
      checkHost(request.raw, site.origins);
      // No text of the database holds it, so nothing has a name or a filter with it.
      if (/%00/.test(request.url)) throw new AppError("malformed", "The address holds NUL (%00).");
      checkMediaType(request);
      done();
    } catch (error) {
      sendProblem(request, reply, error, rim);
    }
  });
  // Answers of the API are nobody's to keep.
  fastify.addHook("onSend", (request, reply, payload, done) => {
    if (request.url.startsWith("/api/") && !reply.hasHeader("cache-control"))
      void reply.header("cache-control", "no-store");
    done(null, payload);
  });
  fastify.removeContentTypeParser("text/plain");
  // Bytes are passed on as a stream; whoever takes them counts and hashes them.
  fastify.addContentTypeParser(
    "application/octet-stream",
    { bodyLimit: Number.MAX_SAFE_INTEGER },
    (_request, payload, done) => {
      done(null, payload instanceof Readable ? payload : undefined);
    },
  );
}
