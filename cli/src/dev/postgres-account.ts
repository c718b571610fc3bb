// As whom PostgreSQL runs. It refuses uid 0, and we are often root: in containers, on servers, in CI.
//  U1. Not root: as we are.
//  U2. Root: in a user namespace where it believes to be nobody; files stay root's, nothing is made on the host.
//  U3. Root without namespaces: as the account `postgres`, with binaries and data where it can reach them.
//  U4. Wherever setpriv is there, the server ends (fast shutdown) when the process that started it is gone.
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@capstan/proto";

export interface PostgresAccount {
  readonly kind: "same" | "namespace" | "account";
  /** Words before the program of a server; for programs that end by themselves leave `lifetime` out. */
  readonly prefix: readonly string[];
  readonly lifetime: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
  /** Where binaries and data must lie, where that is not the data folder. */
  readonly home?: string;
}

const works = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: "ignore" }).status === 0;

const namespace = ["unshare", "-U", "--map-user=65534", "--map-group=65534"] as const;
const untilParentEnds = ["setpriv", "--pdeathsig", "INT"] as const;

function accountIds(): { uid: number; gid: number } | undefined {
  const found = spawnSync("getent", ["passwd", "postgres"], { encoding: "utf8" });
  const fields = found.status === 0 ? found.stdout.trim().split(":") : [];
  const uid = Number(fields[2]);
  const gid = Number(fields[3]);
  return fields.length > 3 && uid > 0 && gid > 0 ? { uid, gid } : undefined;
}

function makeAccount(): { uid: number; gid: number } | undefined {
  try {
    execFileSync("useradd", ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "postgres"], {
      stdio: "ignore",
    });
  } catch {
    return undefined;
  }
  return accountIds();
}

/**
 * Chooses the account, by trying. About 5 ms.
 * @throws postgres_as_root where we are root and nothing else is possible
 */
export function postgresAccount(dataDir: string, isRoot: boolean): PostgresAccount {
  if (!isRoot) {
    const lifetime =
      process.platform === "linux" && works("setpriv", ["--pdeathsig", "INT", "true"]) ? untilParentEnds : [];
    return { kind: "same", prefix: [], lifetime };
  }
  if (works("unshare", [...namespace.slice(1), ...untilParentEnds, "true"])) {
    return { kind: "namespace", prefix: namespace, lifetime: untilParentEnds };
  }
  if (works("unshare", [...namespace.slice(1), "true"])) return { kind: "namespace", prefix: namespace, lifetime: [] };
  const ids = accountIds() ?? makeAccount();
  if (ids === undefined) {
    throw new AppError(
      "postgres_as_root",
      "PostgreSQL refuses to run as root, and neither a user namespace nor the account postgres can be had",
    );
  }
  return { kind: "account", prefix: [], lifetime: [], ...ids, home: join("/var/lib/capstan/dev", homeName(dataDir)) };
}

/** The name of the data's other half. It is kept in the data folder, so data that begins anew gets another one. */
function homeName(dataDir: string): string {
  const path = join(dataDir, "postgres-home");
  if (existsSync(path)) {
    const name = readFileSync(path, "utf8").trim();
    if (/^[0-9a-f]{16}$/.test(name)) return name;
  }
  const name = randomBytes(8).toString("hex");
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(path, name, { mode: 0o600 });
  return name;
}
