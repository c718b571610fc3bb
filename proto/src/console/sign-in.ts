// Bodies and queries of people's sign-in.
import { z } from "zod";
import { queryFlag } from "./route.ts";

const returnTo = z.string().max(2048).optional();

/** `return` is a path of ours; `error` a code of the catalogue; `fresh` asks whoever is signed in to prove it again. */
export const loginQuery = z.object({
  return: returnTo,
  error: z.string().max(64).optional(),
  fresh: queryFlag().optional(),
});
export const oidcStartQuery = z.object({ return: returnTo, fresh: queryFlag().optional() });

export const passwordBodySchema = z.strictObject({
  name: z.string().min(1).max(128),
  password: z.string().min(1).max(512),
});
export const invitationBodySchema = z.strictObject({
  token: z.string().min(1).max(256),
  password: z.string().min(1).max(512),
});

/** What providers append besides is not looked at. */
export const oidcCallbackQuery = z.object({
  code: z.string().max(4096).optional(),
  state: z.string().max(256).optional(),
  iss: z.string().max(1024).optional(),
  error: z.string().max(256).optional(),
});
