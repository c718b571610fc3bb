// Settings of pipelines that deploy with a token of their own CI system.
import { z } from "zod";
import { AppError, permissions, type Permission } from "@capstan/proto";
import { isSafe } from "./config-oidc.ts";

const usualScopes = ["workflows:deploy", "workflows:validate", "workflows:read"] as const satisfies Permission[];

const ruleSchema = z.strictObject({
  /** As it stands in the tokens of the CI system: `https://token.actions.githubusercontent.com`. */
  issuer: z
    .url()
    .max(1024)
    .refine((text) => URL.canParse(text) && isSafe(new URL(text)), "must begin with https:// off this machine"),
  /** Each must be in the token with exactly this value. */
  claims: z
    .record(z.string().min(1).max(128), z.string().min(1).max(1024))
    .refine((claims) => Object.keys(claims).length > 0, "must name at least one claim, such as repository"),
  project: z.string().min(1).max(128),
  /** Whose role bounds what the pipeline may do. */
  serviceAccount: z.string().min(1).max(128),
  scopes: z
    .array(z.enum(Object.keys(permissions) as [Permission, ...Permission[]]))
    .min(1)
    .default([...usualScopes]),
});

/** Which pipeline is which service account. */
export type CiRule = z.infer<typeof ruleSchema>;

/** @param text JSON of CAPSTAN_CI__TRUST. @throws config_invalid with the place */
export function readCiTrust(text: string | undefined): readonly CiRule[] {
  if (text === undefined) return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AppError("config_invalid", "CAPSTAN_CI__TRUST must be JSON");
  }
  const parsed = z.array(ruleSchema).max(1000).safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AppError(
    "config_invalid",
    `CAPSTAN_CI__TRUST must be a list such as [{"issuer":"https://ci.example.org","claims":{"repository":"data/flows"},"project":"default","serviceAccount":"ci"}]; /${issue?.path.join("/") ?? ""}: ${issue?.message ?? ""}`,
  );
}
