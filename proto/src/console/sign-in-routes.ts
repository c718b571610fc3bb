// Routes of signing in, and of load balancers: the part of the table that needs no sign-in.
import { exchangeBodySchema, exchangeSchema, signInLinkSchema } from "./auth.ts";
import type { Route } from "./route.ts";

export const signInRoutes = {
  signInLink: {
    method: "POST",
    path: "/auth/links",
    summary: "Make a one-time sign-in link for this machine",
    permission: "signed_in",
    idempotency: "no",
    response: signInLinkSchema,
    status: 201,
    errors: ["reauth_required"],
  },
  exchange: {
    method: "POST",
    path: "/auth/exchange",
    summary: "Swap a one-time link for a session cookie",
    permission: "none",
    idempotency: "no",
    body: exchangeBodySchema,
    response: exchangeSchema,
    errors: ["token_expired", "rate_limited", "origin_refused"],
  },
  logout: {
    method: "POST",
    path: "/auth/logout",
    summary: "End the session of the cookie",
    permission: "none",
    idempotency: "yes",
    status: 204,
    errors: ["origin_refused"],
  },
  login: {
    method: "GET",
    path: "/login",
    summary: "The sign-in page",
    permission: "none",
    idempotency: "safe",
    responseType: "text/html",
  },
  livez: {
    method: "GET",
    path: "/livez",
    summary: "The process answers",
    permission: "none",
    idempotency: "safe",
    status: 204,
  },
  readyz: {
    method: "GET",
    path: "/readyz",
    summary: "The database is reachable and the process is not draining",
    permission: "none",
    idempotency: "safe",
    status: 204,
  },
} as const satisfies Record<string, Route>;
