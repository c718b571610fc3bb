// Secrets from the agent's own environment: only names that its owner allows.
import { AppError } from "@capstan/proto";
import type { EnvReference } from "./vault-path.ts";

/** True where `name` is allowed by one of the patterns: exact names, or a prefix that ends in `*`. */
export const envNameAllowed = (name: string, allowed: readonly string[]): boolean =>
  allowed.some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern));

/**
 * The value of `env:NAME`.
 * @throws policy_denied where the agent does not allow the name, secret_unavailable where it is not set
 */
export function resolveEnv(
  reference: EnvReference,
  environment: Readonly<Record<string, string | undefined>>,
  allowed: readonly string[],
): string {
  if (!envNameAllowed(reference.name, allowed)) {
    throw new AppError(
      "policy_denied",
      `this agent gives no task env:${reference.name}; it allows ${allowed.join(", ") || "no names"}`,
      { evidence: { by: "agent", rule: "secrets" } },
    );
  }
  const value = environment[reference.name];
  if (value === undefined || value === "") {
    throw new AppError("secret_unavailable", `env:${reference.name} is not set in the agent's environment`);
  }
  return value;
}
