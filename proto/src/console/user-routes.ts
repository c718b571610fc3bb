// Routes of the installation's users, for system administrators.
import { page, type Route } from "./route.ts";
import { addUserBodySchema, invitationSchema, userSchema } from "./users.ts";

const U = "/api/v1/users/{user}";

export const userRoutes = {
  userList: {
    method: "GET",
    path: "/api/v1/users",
    summary: "Users of the installation",
    permission: "users:read",
    idempotency: "safe",
    response: page(userSchema),
  },
  userAdd: {
    method: "POST",
    path: "/api/v1/users",
    summary: "Make a user and an invitation, which is shown once; its name makes it repeatable",
    permission: "users:write",
    idempotency: "no",
    body: addUserBodySchema,
    response: invitationSchema,
    status: 201,
    errors: ["state_conflict", "reauth_required"],
  },
  userInvite: {
    method: "POST",
    path: `${U}/actions/invite`,
    summary: "Make a new invitation for a user, for a password that was lost; those before it end",
    permission: "users:write",
    idempotency: "no",
    response: invitationSchema,
    status: 201,
    errors: ["state_conflict", "reauth_required"],
  },
  userDisable: {
    method: "POST",
    path: `${U}/actions/disable`,
    summary: "Disable a user: sessions, tokens and invitations end within five seconds",
    permission: "users:write",
    idempotency: "yes",
    response: userSchema,
    errors: ["state_conflict", "reauth_required"],
  },
  userEnable: {
    method: "POST",
    path: `${U}/actions/enable`,
    summary: "Let a disabled user sign in again",
    permission: "users:write",
    idempotency: "yes",
    response: userSchema,
    errors: ["reauth_required"],
  },
} as const satisfies Record<string, Route>;
