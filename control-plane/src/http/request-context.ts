// What the rim knows about a request before its handler runs.
import type { FastifyRequest } from "fastify";
import { roleAllows, type Permission, type Role, type RouteName } from "@capstan/proto";

/** Who asks. `local` is the administrator of this machine, by the token in the keys folder or a session made with it. */
export interface Principal {
  readonly userId: string;
  readonly name: string;
  readonly kind: "person" | "service" | "local";
  readonly systemAdmin: boolean;
  /** How the request proved it; a cookie brings the duty to check Origin. `cli` is the sign-in of a command line. */
  readonly via: "token" | "cookie" | "cli";
  /** When the sign-in happened; a token that was made for its purpose counts as new. */
  readonly signedInMs: number;
  readonly expiresMs: number | undefined;
  /** What an API token allows at most, and where; absent for a sign-in. */
  readonly grant?: TokenGrant;
}

export interface TokenGrant {
  /** UUID of the one project that it is good for. */
  readonly projectId: string;
  readonly scopes: ReadonlySet<Permission>;
}

/** The token of this machine, on loopback, is limited by no rate: whoever holds it owns the process. */
export const isUnlimited = (principal: Principal): boolean => isMachine(principal) && principal.via === "token";

/** The administrator of this machine in person, not an API token of theirs. */
export const isMachine = (principal: Principal): boolean => principal.kind === "local" && principal.grant === undefined;

export interface ProjectScope {
  /** UUID */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** Where the caller shows an API token: what it allows of the role. */
  readonly scopes?: ReadonlySet<Permission>;
}

/** What the caller may do in the project. */
export const mayIn = ({ role, scopes }: Pick<ProjectScope, "role" | "scopes">, permission: Permission): boolean =>
  roleAllows(role, permission) && scopes?.has(permission) !== false;

export interface RequestContext {
  readonly route: RouteName;
  readonly principal: Principal | undefined;
  readonly project: ProjectScope | undefined;
}

const contexts = new WeakMap<object, RequestContext>();

export const setContext = (request: FastifyRequest, context: RequestContext): void => {
  contexts.set(request.raw, context);
};
export const contextOf = (request: FastifyRequest): RequestContext | undefined => contexts.get(request.raw);
