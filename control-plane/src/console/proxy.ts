// Everything that is not ours goes to the console's process.
//  C1. GET and HEAD without a body only, and headers by an allow-list: no server action can be reached, whatever a
//      dependency of the console enables.
//  C2. Pages need a sign-in; static files do not. The console gets the visitor's cookie and no right of its own.
//  C3. The console sees the path that was judged here: one that a reader of addresses would tidy up is none.
import { randomBytes } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Agent, request as send } from "undici";
import { AppError } from "@capstan/proto";
import type { AuthService } from "../auth/auth.service.ts";
import { authenticateRequest } from "../auth/permission.guard.ts";
import type { Site } from "../auth/site.ts";
import { isOurs, sendProblem, type Rim } from "../http/problem.filter.ts";
import { unavailablePage, unavailablePolicy } from "./unavailable-page.ts";

const passedOn = [
  "accept",
  "accept-language",
  "cookie",
  "if-none-match",
  "if-modified-since",
  "range",
  "user-agent",
  "rsc",
  "next-router-state-tree",
  "next-router-prefetch",
  "next-router-segment-prefetch",
  "next-url",
];
const passedBack = [
  "content-type",
  "content-length",
  "content-encoding",
  "cache-control",
  "etag",
  "last-modified",
  "location",
  "vary",
  "content-range",
  "accept-ranges",
];

export interface ProxyParts {
  readonly consoleUrl: string;
  readonly auth: AuthService;
  readonly site: Site;
  readonly rim: Rim;
}

/** Registers the catch-all route. Routes of the API win over it. Returns a function that closes its connections. */
export function registerConsole(fastify: FastifyInstance, parts: ProxyParts): () => Promise<void> {
  const dispatcher = new Agent({ connections: 32, connectTimeout: 2_000, headersTimeout: 30_000, bodyTimeout: 60_000 });
  fastify.route({
    method: ["GET", "HEAD"],
    url: "/*",
    handler: async (request, reply) => {
      try {
        await handle(request, reply, parts, dispatcher);
      } catch (error) {
        sendProblem(request, reply, error, parts.rim);
      }
      return reply;
    },
  });
  return () => dispatcher.close();
}

async function handle(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: ProxyParts,
  dispatcher: Agent,
): Promise<void> {
  const path = request.url.split("?", 1)[0] ?? "/";
  // A request line may name a whole URL; only a path may be put behind the console's address.
  if (!isTidy(path) || isOurs(path)) throw new AppError("not_found", "There is nothing at this path.");
  if (!isAsset(path)) {
    const principal = await authenticateRequest(request, parts.auth, parts.site.cookie);
    if (principal === undefined) {
      if (!(request.headers.accept ?? "").includes("text/html"))
        throw new AppError("unauthenticated", "You are not signed in.");
      void reply.header("cache-control", "no-store").redirect(`/login?return=${encodeURIComponent(request.url)}`, 303);
      return;
    }
  }
  await forward(request, reply, parts, dispatcher);
}

/** False for `/_next/static/../../runs`, `//elsewhere` and their likes, which end somewhere else than they begin. */
const isTidy = (path: string): boolean =>
  path.startsWith("/") &&
  URL.canParse(path, "http://console.invalid") &&
  new URL(path, "http://console.invalid").href === `http://console.invalid${path}`;

/** Static files: of their paths only the brackets of a route's folder stand in disguise. */
const isAsset = (path: string): boolean =>
  path === "/favicon.ico" || path === "/icon.svg" || /^\/_next\/static\/(?:[\w.~@()+,=/-]|%5[bd])+$/i.test(path);

async function forward(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: ProxyParts,
  dispatcher: Agent,
): Promise<void> {
  const headers: Record<string, string> = {};
  for (const name of passedOn) {
    const value = request.headers[name];
    if (typeof value === "string") headers[name] = value;
  }
  const policy = consolePolicy();
  // Next takes the nonce of its scripts from this header of the request.
  headers["content-security-policy"] = policy;
  headers["x-capstan-origin"] = parts.site.url();
  let answer: Awaited<ReturnType<typeof send>>;
  try {
    answer = await send(`${parts.consoleUrl}${request.url}`, {
      method: request.method === "HEAD" ? "HEAD" : "GET",
      headers,
      dispatcher,
    });
  } catch {
    unavailable(request, reply, parts.rim);
    return;
  }
  void reply.status(answer.statusCode).header("content-security-policy", policy);
  for (const name of passedBack) {
    const value = answer.headers[name];
    if (value !== undefined) void reply.header(name, value);
  }
  answer.body.on("error", () => reply.raw.destroy());
  void reply.send(answer.body);
}

function unavailable(request: FastifyRequest, reply: FastifyReply, rim: Rim): void {
  if (!(request.headers.accept ?? "").includes("text/html")) {
    sendProblem(
      request,
      reply,
      new AppError("console_unavailable", "The console does not answer; API and agents go on.", {
        retryAfterMs: 2_000,
      }),
      rim,
    );
    return;
  }
  void reply
    .status(502)
    .header("content-type", "text/html; charset=utf-8")
    .header("content-security-policy", unavailablePolicy)
    .header("cache-control", "no-store")
    .header("retry-after", "2")
    .send(unavailablePage);
}

function consolePolicy(): string {
  const nonce = randomBytes(16).toString("base64");
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'`,
    `style-src 'self' 'nonce-${nonce}'`,
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "form-action 'self'",
  ].join("; ");
}
