// Routes of the CLI's sign-in by a code.
import {
  deviceDecisionBodySchema,
  devicePageQuery,
  deviceStartBodySchema,
  deviceStartedSchema,
  deviceTokenBodySchema,
  deviceTokenSchema,
} from "./device.ts";
import type { Route } from "./route.ts";

export const deviceRoutes = {
  deviceStart: {
    method: "POST",
    path: "/auth/device",
    summary: "Begin a sign-in of a program: gives the code that a person confirms in a browser",
    permission: "none",
    idempotency: "no",
    body: deviceStartBodySchema,
    response: deviceStartedSchema,
    status: 201,
    errors: ["rate_limited", "origin_refused"],
  },
  devicePage: {
    method: "GET",
    path: "/auth/device",
    summary: "The page on which a person confirms the code of a program",
    permission: "none",
    idempotency: "safe",
    query: devicePageQuery,
    responseType: "text/html",
  },
  deviceDecide: {
    method: "POST",
    path: "/auth/device/decision",
    summary: "Let the program with this code sign in as yourself, or refuse it",
    permission: "signed_in",
    idempotency: "no",
    body: deviceDecisionBodySchema,
    status: 204,
    errors: ["rate_limited", "origin_refused", "reauth_required"],
  },
  deviceToken: {
    method: "POST",
    path: "/auth/device/token",
    summary: "Ask whether the code was confirmed; gives the sign-in, once",
    permission: "none",
    idempotency: "no",
    body: deviceTokenBodySchema,
    response: deviceTokenSchema,
    errors: ["token_expired", "sign_in_refused", "rate_limited", "origin_refused"],
  },
} as const satisfies Record<string, Route>;
