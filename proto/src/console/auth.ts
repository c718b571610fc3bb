import { z } from "zod";
import { roles } from "../permissions.ts";
import { timeSchema } from "./route.ts";

export const meSchema = z.object({
  user: z.object({
    id: z.string(),
    name: z.string(),
    kind: z.enum(["person", "service", "local"]),
    systemAdmin: z.boolean(),
  }),
  projects: z.array(z.object({ name: z.string(), role: z.enum(roles), permissions: z.array(z.string()) })),
  /** When the sign-in ends; null for tokens that say nothing. */
  expiresAt: timeSchema.nullable(),
});
export type Me = z.infer<typeof meSchema>;

export const versionSchema = z.object({
  version: z.string(),
  api: z.literal("v1"),
  /** Versions of the agent protocol that are served. */
  protocol: z.object({ min: z.number().int(), max: z.number().int() }),
  /** Number of the database schema. */
  schema: z.number().int(),
  node: z.string(),
  startedAt: timeSchema,
});
export type ServerVersion = z.infer<typeof versionSchema>;

/** A one-time sign-in link: 15 minutes, one use, from this machine. */
export const signInLinkSchema = z.object({ url: z.string(), expiresAtMs: z.number().int() });
export type SignInLink = z.infer<typeof signInLinkSchema>;

export const exchangeBodySchema = z.strictObject({ token: z.string().min(1).max(256) });
export const exchangeSchema = z.object({ user: z.string(), expiresAt: timeSchema });
export type Exchange = z.infer<typeof exchangeSchema>;
