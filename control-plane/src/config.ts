// Configuration from the environment, checked once. Nothing else in this package reads process.env.
//  F1. A variable that begins with CAPSTAN_ and is no setting of anybody stops the start, with the nearest name.
//  F2. A bind that others can reach needs an https CAPSTAN_PUBLIC_URL; TLS checks cannot be turned off.
import { readFileSync } from "node:fs";
import path from "node:path";
import { AppError, guess } from "@capstan/proto";
import { readCiTrust, type CiRule } from "./config-ci.ts";
import { isNetwork } from "./http/networks.ts";
import { oidcSettings, readOidc, type OidcConfig } from "./config-oidc.ts";

export type ServerRole = "api" | "gateway" | "loops";
export type LogLevel = "debug" | "info" | "warn" | "error";

export interface Config {
  /** The owner's connection; runtime roles are derived. */
  readonly databaseUrl: string;
  /** Connections for requests. */
  readonly databasePoolSize: number | undefined;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Origin under which people and agents reach us, without a slash at the end; undefined: where we listen. */
  readonly publicUrl: string | undefined;
  readonly consoleUrl: string;
  readonly keysDir: string;
  readonly dataDir: string;
  readonly roles: ReadonlySet<ServerRole>;
  readonly logLevel: LogLevel;
  readonly logFormat: "json" | "pretty";
  readonly limits: Limits;
  /** Sign-in of people by OpenID Connect; undefined: it is not offered. */
  readonly oidc: OidcConfig | undefined;
  /** Pipelines that may trade a token of their CI system; the first rule that fits decides. */
  readonly ciTrust: readonly CiRule[];
  /** Hosts that the control plane may fetch from although they are not public. */
  readonly egressAllow: readonly string[];
  /** Networks of the proxies before us, whose word about the client's address is believed. */
  readonly trustedProxies: readonly string[];
  /** The header in which they write it. */
  readonly forwardedHeader: "x-forwarded-for" | "forwarded";
  /** Projects that take webhooks which nobody signs, by the secret in their address. */
  readonly secretUrls: readonly string[];
}

/** Per replica; 0 turns one off. The token of this machine is under none but `queuedMax`. */
export interface Limits {
  /** Requests with one credential; five times as many at once. Default 100. */
  readonly apiPerSecond: number;
  /** Runs started in one project; ten times as many at once. Default 200. */
  readonly runStartsPerSecond: number;
  /** Queued task runs of one project. Default 100,000. */
  readonly queuedMax: number;
  /** Deliveries of one webhook; ten times as many at once. Default 50. */
  readonly webhooksPerSecond: number;
  /** Tries to sign in from one address. Default 10. */
  readonly signInsPerMinute: number;
  /** Tries to sign in by one name. Default 5. */
  readonly signInsOfAccountPerMinute: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const settings = [
  "CAPSTAN_DATABASE_URL",
  "CAPSTAN_DATABASE__POOL_SIZE",
  "CAPSTAN_HTTP__HOST",
  "CAPSTAN_HTTP__PORT",
  "CAPSTAN_HTTP__TRUSTED_PROXIES",
  "CAPSTAN_HTTP__FORWARDED_HEADER",
  "CAPSTAN_PUBLIC_URL",
  "CAPSTAN_CONSOLE__URL",
  "CAPSTAN_KEYS_DIR",
  "CAPSTAN_DATA_DIR",
  "CAPSTAN_ROLES",
  "CAPSTAN_LOG_LEVEL",
  "CAPSTAN_LOG_FORMAT",
  "CAPSTAN_LIMITS__API_PER_SECOND",
  "CAPSTAN_LIMITS__RUN_STARTS_PER_SECOND",
  "CAPSTAN_LIMITS__QUEUED_MAX",
  "CAPSTAN_LIMITS__SIGN_INS_PER_MINUTE",
  "CAPSTAN_LIMITS__SIGN_INS_OF_ACCOUNT_PER_MINUTE",
  "CAPSTAN_EGRESS__ALLOW",
  "CAPSTAN_WEBHOOKS__SECRET_URLS",
  "CAPSTAN_LIMITS__WEBHOOKS_PER_SECOND",
  "CAPSTAN_CI__TRUST",
  ...oidcSettings,
] as const;
type Setting = (typeof settings)[number];

/** Those that may be read from a file named by the variable with `_FILE` behind it. */
const fileSettings: readonly Setting[] = ["CAPSTAN_DATABASE_URL", "CAPSTAN_OIDC__ROLES", "CAPSTAN_CI__TRUST"];

/** Settings of the CLI and of agents, which may stand in the same environment. */
const ofOthers =
  /^CAPSTAN_(?:SERVER|TOKEN|TOKEN_FILE|PROJECT|PROFILE|OUTPUT|CONFIG|CA_FILE|DATA|AGENT__[A-Z_]+|TEST_[A-Z_]+)$/;

const invalid = (name: string, why: string): AppError => new AppError("config_invalid", `${name} ${why}`);

/**
 * Reads and checks the environment.
 * @throws config_unknown config_invalid config_missing
 */
export function readConfig(environment: Environment): Config {
  refuseUnknown(environment);
  if (environment["NODE_TLS_REJECT_UNAUTHORIZED"] === "0") {
    throw invalid(
      "NODE_TLS_REJECT_UNAUTHORIZED",
      "is 0, which turns certificate checks off. Add the authority with NODE_EXTRA_CA_CERTS instead.",
    );
  }
  const get = (name: Setting): string | undefined => valueOf(environment, name);
  const limit = (name: Setting, max: number, usual: number): number => integer(name, get(name), 0, max) ?? usual;
  const host = get("CAPSTAN_HTTP__HOST") ?? "127.0.0.1";
  const publicUrl = origin("CAPSTAN_PUBLIC_URL", get("CAPSTAN_PUBLIC_URL"));
  if (!isLoopback(host) && publicUrl?.startsWith("https://") !== true) {
    throw invalid(
      "CAPSTAN_HTTP__HOST",
      `is ${host}, which others can reach: set CAPSTAN_PUBLIC_URL to an https address`,
    );
  }
  if (publicUrl?.startsWith("http://") === true && !isLoopback(new URL(publicUrl).hostname)) {
    throw invalid("CAPSTAN_PUBLIC_URL", `is ${publicUrl}: off loopback it must begin with https://`);
  }
  const dataDir = path.resolve(get("CAPSTAN_DATA_DIR") ?? "/var/lib/capstan");
  return {
    databaseUrl: databaseUrl(get("CAPSTAN_DATABASE_URL") ?? environment["DATABASE_URL"]),
    databasePoolSize: integer("CAPSTAN_DATABASE__POOL_SIZE", get("CAPSTAN_DATABASE__POOL_SIZE"), 2, 500),
    host,
    port: integer("CAPSTAN_HTTP__PORT", get("CAPSTAN_HTTP__PORT"), 0, 65_535) ?? 7420,
    publicUrl,
    consoleUrl: origin("CAPSTAN_CONSOLE__URL", get("CAPSTAN_CONSOLE__URL")) ?? "http://127.0.0.1:7423",
    keysDir: path.resolve(get("CAPSTAN_KEYS_DIR") ?? path.join(dataDir, "keys")),
    dataDir,
    roles: rolesOf(get("CAPSTAN_ROLES") ?? "all"),
    logLevel: oneOf("CAPSTAN_LOG_LEVEL", get("CAPSTAN_LOG_LEVEL") ?? "info", ["debug", "info", "warn", "error"]),
    logFormat: oneOf("CAPSTAN_LOG_FORMAT", get("CAPSTAN_LOG_FORMAT") ?? "json", ["json", "pretty"]),
    limits: {
      apiPerSecond: limit("CAPSTAN_LIMITS__API_PER_SECOND", 1_000_000, 100),
      runStartsPerSecond: limit("CAPSTAN_LIMITS__RUN_STARTS_PER_SECOND", 1_000_000, 200),
      queuedMax: limit("CAPSTAN_LIMITS__QUEUED_MAX", 100_000_000, 100_000),
      webhooksPerSecond: limit("CAPSTAN_LIMITS__WEBHOOKS_PER_SECOND", 1_000_000, 50),
      signInsPerMinute: limit("CAPSTAN_LIMITS__SIGN_INS_PER_MINUTE", 100_000, 10),
      signInsOfAccountPerMinute: limit("CAPSTAN_LIMITS__SIGN_INS_OF_ACCOUNT_PER_MINUTE", 100_000, 5),
    },
    oidc: readOidc(get),
    ciTrust: readCiTrust(get("CAPSTAN_CI__TRUST")),
    egressAllow: hostList("CAPSTAN_EGRESS__ALLOW", get("CAPSTAN_EGRESS__ALLOW") ?? ""),
    trustedProxies: networkList("CAPSTAN_HTTP__TRUSTED_PROXIES", get("CAPSTAN_HTTP__TRUSTED_PROXIES") ?? ""),
    forwardedHeader: oneOf(
      "CAPSTAN_HTTP__FORWARDED_HEADER",
      get("CAPSTAN_HTTP__FORWARDED_HEADER")?.toLowerCase() ?? "x-forwarded-for",
      ["x-forwarded-for", "forwarded"],
    ),
    secretUrls: (get("CAPSTAN_WEBHOOKS__SECRET_URLS") ?? "").split(",").flatMap((one) => one.trim() || []),
  };
}

/** True for names and addresses that only this machine can reach. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);

function refuseUnknown(environment: Environment): void {
  const known: readonly string[] = [...settings, ...fileSettings.map((name) => `${name}_FILE`)];
  for (const name of Object.keys(environment)) {
    if (!name.startsWith("CAPSTAN_") || known.includes(name) || ofOthers.test(name)) continue;
    const hint = guess(name, known);
    throw new AppError("config_unknown", `${name} is not a setting${hint === undefined ? "" : `: ${hint}`}`);
  }
}

function valueOf(environment: Environment, name: Setting): string | undefined {
  const direct = environment[name];
  const file = fileSettings.includes(name) ? environment[`${name}_FILE`] : undefined;
  if (file === undefined || file === "") return direct === "" ? undefined : direct;
  if (direct !== undefined && direct !== "") throw invalid(name, `and ${name}_FILE are both set; keep one`);
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new AppError("config_invalid", `${name}_FILE names ${file}, which cannot be read`, { cause });
  }
}

function databaseUrl(text: string | undefined): string {
  if (text === undefined || text === "") {
    throw new AppError(
      "config_missing",
      "CAPSTAN_DATABASE_URL is not set: give a PostgreSQL address, or run `capstan dev`, which brings its own database",
    );
  }
  // The text itself is never shown: it may hold a password.
  if (!/^postgres(?:ql)?:\/\//.test(text)) throw invalid("CAPSTAN_DATABASE_URL", "must begin with postgres://");
  return text;
}

function origin(name: Setting, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol))
    throw invalid(name, "must be an http or https address");
  if (url.username !== "" || url.password !== "") throw invalid(name, "must not hold a user name or password");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw invalid(name, `must be an origin without a path, such as ${url.origin}`);
  }
  return url.origin;
}

function integer(name: Setting, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw invalid(name, `must be a whole number from ${min} to ${max}, got ${text}`);
  return value;
}

function oneOf<const T extends string>(name: Setting, text: string, values: readonly T[]): T {
  const found = values.find((value) => value === text);
  if (found === undefined) throw invalid(name, `must be one of ${values.join(", ")}, got ${text}`);
  return found;
}

function hostList(name: Setting, text: string): readonly string[] {
  const hosts = text.split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim().toLowerCase()]));
  const wrong = hosts.find((host) => !URL.canParse(`https://${host}`) || new URL(`https://${host}`).pathname !== "/");
  if (wrong !== undefined)
    throw invalid(name, `must list hosts, such as idp.corp.example or 10.0.0.5:8443; got ${wrong}`);
  return hosts;
}

function networkList(name: Setting, text: string): readonly string[] {
  const networks = text.split(",").flatMap((part) => part.trim() || []);
  const wrong = networks.find((network) => !isNetwork(network));
  if (wrong !== undefined) throw invalid(name, `must list networks, such as 10.0.0.0/8 or 127.0.0.1/32; got ${wrong}`);
  return networks;
}

const allRoles: readonly ServerRole[] = ["api", "gateway", "loops"];

function rolesOf(text: string): ReadonlySet<ServerRole> {
  if (text === "all") return new Set(allRoles);
  return new Set(text.split(",").map((part) => oneOf("CAPSTAN_ROLES", part.trim(), allRoles)));
}
