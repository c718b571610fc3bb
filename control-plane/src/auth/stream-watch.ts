// Whether the caller of an open stream may still have it. A stream is one request that lasts, so it is asked again.
import type { FastifyRequest } from "fastify";
import type { RouteName } from "@capstan/proto";
import type { ProjectScope } from "../http/request-context.ts";
import type { AuthService } from "./auth.service.ts";
import { allows, authenticateRequest } from "./permission.guard.ts";
import type { Site } from "./site.ts";

// With the three seconds for which a credential is believed (A2), this is within the five of every revocation.
const lookMs = 1_500;

export interface WatchedStream {
  readonly request: FastifyRequest;
  readonly project: ProjectScope;
  readonly route: RouteName;
}

/** Calls `end` once a sign-out, a lost role or a revoked credential has taken the stream from its caller. Returns what stops it. */
export function watchRights(
  { request, project, route }: WatchedStream,
  { auth, site }: { readonly auth: AuthService; readonly site: Pick<Site, "cookie"> },
  end: () => void,
): () => void {
  const look = async (): Promise<void> => {
    const principal = await authenticateRequest(request, auth, site.cookie);
    const scope = principal === undefined ? undefined : await auth.scope(principal, project.name);
    if (scope === undefined || !allows(scope, route)) end();
  };
  // While the database is away nobody's rights can have changed; the next look decides.
  const timer = setInterval(() => void look().catch(() => undefined), lookMs);
  timer.unref();
  return () => clearInterval(timer);
}
