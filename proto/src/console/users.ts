// Users of the installation, as a system administrator sees them.
import { z } from "zod";
import { timeSchema } from "./route.ts";

export const userNamePattern = /^[a-z0-9][a-z0-9._@-]{0,62}$/;

export const userSchema = z.object({
  name: z.string(),
  kind: z.enum(["person", "service", "local"]),
  systemAdmin: z.boolean(),
  /** `invited`: has no way to sign in yet but an invitation. */
  state: z.enum(["active", "invited", "disabled"]),
  /** How the user can sign in: by `password`, at an identity provider (`oidc`). */
  signIn: z.array(z.enum(["password", "oidc"])),
  createdAt: timeSchema,
  /** When a session of the user was last seen; null where there is none. */
  seenAt: timeSchema.nullable(),
});
export type UserView = z.infer<typeof userSchema>;

export const addUserBodySchema = z.strictObject({
  name: z.string().regex(userNamePattern, "small letters, digits and . _ @ -, at most 63"),
  systemAdmin: z.boolean().optional(),
});
export type AddUserBody = z.infer<typeof addUserBodySchema>;

/** A link that sets a password, once. It is shown once. */
export const invitationSchema = z.object({ user: z.string(), url: z.string(), expiresAt: timeSchema });
export type Invitation = z.infer<typeof invitationSchema>;
