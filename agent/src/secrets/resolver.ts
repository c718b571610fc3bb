// References → values, on the agent and nowhere else.
//  S1. A value is never logged, put into an error, or kept after its attempt.
//  S2. What the agent's owner has not allowed is refused here, whatever the control plane says.
import { AppError } from "@capstan/proto";
import { resolveEnv } from "./env.ts";
import { resolveFile } from "./file.ts";
import { resolveVault, type VaultStore } from "./vault.ts";
import { parseReference } from "./vault-path.ts";

export interface SecretsConfig {
  /** Names that `env:` may read; `X*` is a prefix. Default `CAPSTAN_SECRET_*`. */
  readonly env?: readonly string[];
  /** Alias → folder, for `file:`. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Alias → store, for `vault:`. */
  readonly vaults?: Readonly<Record<string, VaultStore>>;
}

export const envDefault: readonly string[] = ["CAPSTAN_SECRET_*"];

export interface SecretResolver {
  /**
   * Values of the references, by the same names, all at once.
   * @throws secret_reference_invalid, policy_denied, secret_denied, secret_unavailable
   */
  resolve(references: Readonly<Record<string, string>>, signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
}

/** @param environment the agent's environment, read at each call */
export function createSecretResolver(
  config: SecretsConfig,
  environment: Readonly<Record<string, string | undefined>>,
): SecretResolver {
  const one = async (text: string, signal: AbortSignal): Promise<string> => {
    if (text === "project") {
      throw new AppError(
        "secret_unavailable",
        "the secret refers to the project's list, which this release does not have; write its reference in the workflow",
      );
    }
    const reference = parseReference(text);
    switch (reference.kind) {
      case "env":
        return resolveEnv(reference, environment, config.env ?? envDefault);
      case "file":
        return resolveFile(reference, config.folders ?? {});
      case "vault":
        return await resolveVault(reference, config.vaults ?? {}, signal);
    }
  };
  return {
    async resolve(references, signal) {
      const names = Object.keys(references);
      const values = await Promise.all(names.map((name) => one(references[name] ?? "", signal)));
      return new Map(names.map((name, i) => [name, values[i] ?? ""]));
    },
  };
}
