// The address of a PostgreSQL server: `postgres://user:password@host:port/database?sslmode=…&host=/socket/folder`.
// Read here and not by the driver, which fills gaps from the agent's environment and from a password file of its account.
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { AppError } from "@capstan/proto";

export interface PostgresAddress {
  /** A name, or a folder with a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** False: no encryption. */
  readonly tls: ConnectionOptions | false;
}

const wrong = (message: string): AppError => new AppError("expression_failed", `sql.url: ${message}`);

/** @throws expression_failed, without a word of the address */
export function postgresAddress(text: string): PostgresAddress {
  const url = URL.parse(text);
  if (url === null) throw wrong("this is no address of PostgreSQL");
  const part = (value: string, name: string): string => {
    try {
      return decodeURIComponent(value);
    } catch {
      throw wrong(`the ${name} is not percent-encoded`);
    }
  };
  const options = url.searchParams;
  const host = options.get("host") ?? part(url.hostname.replace(/^\[(.*)\]$/, "$1"), "host");
  const user = part(url.username, "user");
  if (host === "") throw wrong("it names no host");
  if (user === "") throw wrong("it names no user");
  const database = part(url.pathname.slice(1), "database");
  return {
    host,
    port: url.port === "" ? 5432 : Number(url.port),
    user,
    password: part(url.password, "password"),
    database: database === "" ? user : database,
    tls: tlsOf(options, host),
  };
}

function tlsOf(options: URLSearchParams, host: string): PostgresAddress["tls"] {
  const mode = options.get("sslmode") ?? "disable";
  const authority = options.get("sslrootcert");
  if (mode === "disable") return false;
  const servername = host.startsWith("/") || /^[\d.]+$|:/.test(host) ? {} : { servername: host };
  if (mode === "no-verify") return { ...servername, rejectUnauthorized: false };
  if (mode !== "require" && mode !== "verify-ca" && mode !== "verify-full")
    throw wrong("sslmode is disable, require, verify-ca, verify-full or no-verify");
  if (authority === null) return servername;
  try {
    return { ...servername, ca: readFileSync(authority, "utf8") };
  } catch {
    throw wrong("the file of sslrootcert cannot be read on this agent");
  }
}

/** Deletes what the driver would read from the environment: gaps of an address are not filled by the agent's own. */
export function forgetPostgresEnvironment(environment: Record<string, string | undefined>): void {
  for (const name of Object.keys(environment))
    if (/^PG[A-Z]+$/.test(name) || name === "NODE_PG_FORCE_NATIVE") delete environment[name];
}
