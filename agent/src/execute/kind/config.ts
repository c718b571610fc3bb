// What the host's owner sets for executors. The only reader of a runner's environment.
import { readFileSync } from "node:fs";
import { envDefault, type SecretsConfig } from "../../secrets/resolver.ts";
import type { VaultStore } from "../../secrets/vault.ts";

export interface ExecutorSettings {
  readonly secrets: SecretsConfig;
  /** Environment that `env:` references read. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Mail server for `email` without `smtp`: `smtp://user:password@host:port`. */
  readonly smtpUrl?: string;
  /** Sender of e-mail. */
  readonly mailFrom?: string;
  /** A Python interpreter instead of the `python3` of the path. */
  readonly pythonPath?: string;
  /** How many Python environments are kept, in the order of their last use. */
  readonly pythonEnvironments: number;
  /** Origin of the Slack API; default `https://slack.com`. */
  readonly slackOrigin?: string;
  /** Origin of the Events API; default `https://events.pagerduty.com`. */
  readonly pagerdutyOrigin?: string;
  /** Origin of the Alert API; default by `region`. */
  readonly opsgenieOrigin?: string;
}

const environmentsDefault = 20;

const pairsOf = (text: string | undefined): Readonly<Record<string, string>> => {
  const pairs: Record<string, string> = {};
  for (const pair of (text ?? "").split(",")) {
    const equals = pair.indexOf("=");
    const alias = pair.slice(0, Math.max(equals, 0)).trim();
    if (/^[A-Za-z0-9_.-]{1,128}$/.test(alias)) pairs[alias] = pair.slice(equals + 1).trim();
  }
  return pairs;
};

/**
 * Settings from `CAPSTAN_AGENT__SECRETS_ENV` (names, `X*` is a prefix), `CAPSTAN_AGENT__SECRETS_FOLDERS` (`alias=/path,…`),
 * `CAPSTAN_AGENT__VAULTS` (`alias=https://host:8200,…`) with `CAPSTAN_AGENT__VAULT_TOKEN_FILES` (`alias=/path,…`),
 * `CAPSTAN_AGENT__VAULT_NAMESPACES` and `CAPSTAN_AGENT__VAULT_CA_FILES`, `CAPSTAN_AGENT__SMTP_URL`,
 * `CAPSTAN_AGENT__MAIL_FROM`, `CAPSTAN_AGENT__PYTHON`, `CAPSTAN_AGENT__PYTHON_ENVIRONMENTS` (a number, 20).
 */
export function settingsFrom(environment: Readonly<Record<string, string | undefined>>): ExecutorSettings {
  const of = (name: string): string | undefined => environment[`CAPSTAN_AGENT__${name}`] || undefined;
  const tokenFiles = pairsOf(of("VAULT_TOKEN_FILES"));
  const namespaces = pairsOf(of("VAULT_NAMESPACES"));
  const authorities = pairsOf(of("VAULT_CA_FILES"));
  const vaults: Record<string, VaultStore> = {};
  for (const [alias, address] of Object.entries(pairsOf(of("VAULTS")))) {
    const tokenFile = tokenFiles[alias];
    const namespace = namespaces[alias];
    const authority = authorities[alias];
    vaults[alias] = {
      address,
      token: () => (tokenFile === undefined ? "" : readFileSync(tokenFile, "utf8").trim()),
      ...(namespace === undefined ? {} : { namespace }),
      ...(authority === undefined ? {} : { ca: readFileSync(authority, "utf8") }),
    };
  }
  const names = of("SECRETS_ENV")
    ?.split(",")
    .map((name) => name.trim());
  const smtpUrl = of("SMTP_URL");
  const mailFrom = of("MAIL_FROM");
  const pythonPath = of("PYTHON");
  const kept = Number(of("PYTHON_ENVIRONMENTS") ?? environmentsDefault);
  return {
    environment,
    pythonEnvironments: Number.isInteger(kept) && kept > 0 ? kept : environmentsDefault,
    secrets: { env: names ?? envDefault, folders: pairsOf(of("SECRETS_FOLDERS")), vaults },
    ...(smtpUrl === undefined ? {} : { smtpUrl }),
    ...(mailFrom === undefined ? {} : { mailFrom }),
    ...(pythonPath === undefined ? {} : { pythonPath }),
  };
}

/** The environment of this process: a runner has its agent's. */
export const processEnvironment: Record<string, string | undefined> = process.env;
