// The one guard: deny by default. What a handler asks for stands in the route table.
import type { CanActivate, ExecutionContext } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import {
  AppError,
  isSystemPermission,
  permissions,
  roleAllows,
  routes,
  type Permission,
  type PermissionEntry,
  type Route,
  type RouteName,
} from "@capstan/proto";
import { ownProofKey, routeKey } from "../http/handle.ts";
import { isLoopbackPeer } from "../http/peer.ts";
import { isUnlimited, mayIn, setContext, type Principal, type ProjectScope } from "../http/request-context.ts";
import type { TokenBuckets } from "../http/token-bucket.ts";
import type { AuthService } from "./auth.service.ts";
import { readCookie, type CookieForm } from "./cookie.ts";
import { checkOrigin, type Origins } from "./origin.ts";

// A browser leaves its cookie with every page that is open; the sign-in of a command line is shown by one program, of
// whose owner a code in a browser was asked. It is believed for a day's work.
const reauthMs = { cookie: 5 * 60_000, cli: 12 * 3_600_000 } as const;

export interface GuardOptions {
  readonly origins: Origins;
  readonly cookie: CookieForm;
  /** Requests with one credential. */
  readonly rate: TokenBuckets;
}

export class PermissionGuard implements CanActivate {
  private readonly auth: AuthService;
  private readonly options: GuardOptions;

  constructor(auth: AuthService, options: GuardOptions) {
    this.auth = auth;
    this.options = options;
  }

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const handler = execution.getHandler();
    if (Reflect.getMetadata(ownProofKey, handler) === true) return true;
    const name: unknown = Reflect.getMetadata(routeKey, handler);
    if (!isRouteName(name)) throw new AppError("route_undeclared", `${handler.name} declares no route`);
    const http = execution.switchToHttp();
    await this.admit(name, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
    return true;
  }

  /** Checks the caller against the route and remembers who it is. */
  private async admit(name: RouteName, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const route: Route = routes[name];
    const principal = await authenticateRequest(request, this.auth, this.options.cookie);
    if (
      route.idempotency !== "safe" &&
      (principal?.via === "cookie" || (route.permission === "none" && hasCookieOrOrigin(request)))
    ) {
      checkOrigin(request, this.options.origins);
    }
    if (principal !== undefined && !isUnlimited(principal)) {
      // A person's browsers share one budget, and so do the tokens of a service: more credentials are no more budget.
      this.options.rate.take(principal.userId, 1, (headers) => void reply.headers(headers));
    }
    if (route.permission === "none") {
      setContext(request, { route: name, principal, project: undefined });
      return;
    }
    if (principal === undefined)
      throw new AppError(
        "unauthenticated",
        "You are not signed in: the request carries no credential that is known here.",
      );
    if (route.permission === "signed_in") {
      setContext(request, { route: name, principal, project: undefined });
      return;
    }
    if (isSystemPermission(route.permission)) {
      checkSystemPermission(route.permission, principal);
      setContext(request, { route: name, principal, project: undefined });
      return;
    }
    const params = request.params as Readonly<Record<string, string>>; // the router's, by the path of the table
    const projectName = params["project"] ?? "";
    const project = await this.auth.scope(principal, projectName);
    if (project === undefined) throw new AppError("not_found", `There is no project ${projectName} that you may see.`);
    checkPermission(route.permission, principal, project);
    setContext(request, { route: name, principal, project });
  }
}

/** For the guard, and for a part of a request that needs more than its route. @throws forbidden reauth_required */
export function checkPermission(permission: Permission, principal: Principal, project: ProjectScope): void {
  const entry: PermissionEntry = permissions[permission];
  if (!mayIn(project, permission)) {
    const why = roleAllows(project.role, permission)
      ? "the token that you show was made without it"
      : `your role there is ${project.role}`;
    throw new AppError("forbidden", `You need ${permission} in project ${project.name}; ${why}.`, {
      evidence: { permission, project: project.name, role: project.role, roles: [...entry.roles] },
    });
  }
  checkRecent(permission, principal);
}

function checkSystemPermission(permission: Permission, principal: Principal): void {
  if (!principal.systemAdmin || principal.grant !== undefined) {
    throw new AppError("forbidden", `You need ${permission}; system admins have it, API tokens never do.`, {
      evidence: { permission, roles: ["system_admin"] },
    });
  }
  checkRecent(permission, principal);
}

function checkRecent(permission: Permission, principal: Principal): void {
  const entry: PermissionEntry = permissions[permission];
  if (!entry.reauth || principal.via === "token" || Date.now() - principal.signedInMs <= reauthMs[principal.via])
    return;
  throw new AppError(
    "reauth_required",
    principal.via === "cli"
      ? `${permission} needs a sign-in of the last twelve hours. Run \`capstan login\` again.`
      : `${permission} needs a sign-in that is at most five minutes old. Sign in again at /login?fresh=1.`,
  );
}

/** @throws reauth_required unless a person who proved who they are within the last five minutes asks, in a browser */
export function checkFreshBrowser(principal: Principal): void {
  if (principal.via === "cookie" && Date.now() - principal.signedInMs <= reauthMs.cookie) return;
  throw new AppError(
    "reauth_required",
    "Letting a program in needs a browser, and a sign-in that is at most five minutes old. Sign in again at /login?fresh=1.",
  );
}

const isRouteName = (name: unknown): name is RouteName => typeof name === "string" && Object.hasOwn(routes, name);

const hasCookieOrOrigin = (request: FastifyRequest): boolean =>
  request.headers.cookie !== undefined || request.headers.origin !== undefined;

/** The token that a request shows in its Authorization header; undefined also for a header of another form. */
export const bearerOf = (request: Pick<FastifyRequest, "headers">): string | undefined =>
  /^Bearer ([A-Za-z0-9_]{1,256})$/.exec(request.headers.authorization ?? "")?.[1];

/** Who sends the request, or undefined for nobody. */
export async function authenticateRequest(
  request: FastifyRequest,
  auth: AuthService,
  cookie: CookieForm,
): Promise<Principal | undefined> {
  const bearer = bearerOf(request);
  if (request.headers.authorization !== undefined && bearer === undefined) return undefined;
  return auth.authenticate({
    bearer,
    cookie: readCookie(request.headers.cookie, cookie),
    loopback: isLoopbackPeer(request),
  });
}

/** True where a caller may use a route of the project, for checks within one stream. */
export const allows = (project: ProjectScope, route: RouteName): boolean => {
  const permission = routes[route].permission;
  return permission === "none" || permission === "signed_in" || mayIn(project, permission);
};
