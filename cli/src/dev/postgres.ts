// Embedded PostgreSQL: initialised, started and stopped by us, for `capstan dev` and for tests.
//  E1. It listens on a Unix socket in a 0700 folder and on nothing else; whoever may open the socket is its superuser.
//  E2. Files of another major version are never touched.
//  E3. One server per data folder: one left over from a crash is stopped in order before ours starts.
//  E4. `fsync` is off only where the caller says that the data may be lost (`ephemeral`).
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "@capstan/proto";
import { postgresAccount, type PostgresAccount } from "./postgres-account.ts";
import { copyPackage, postgresMajor, postgresPackage, type PostgresPackage } from "./postgres-package.ts";

export interface PostgresOptions {
  /** The data folder: files go to `pg/`, the socket to `run/`, the log to `log/postgres.log` below it. */
  readonly dataDir: string;
  /** True where the data may be lost with the machine: no fsync. Default false. */
  readonly ephemeral?: boolean;
  /** Further settings of postgresql.conf; they win over ours, except over the socket's. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where a socket goes whose path would be too long, `XDG_RUNTIME_DIR` for example. Default: the system's folder for temporary files. */
  readonly runtimeDir?: string;
}

export interface RunningPostgres {
  /** For the superuser `postgres`, database `postgres`, over the Unix socket. */
  readonly url: string;
  readonly pid: number;
  readonly account: PostgresAccount["kind"];
  /** True where the last server did not end in order, so this one recovered. */
  readonly recovered: boolean;
  /** True where the files were made by this start. */
  readonly created: boolean;
  /** Settles when the server has ended, by whatever cause. */
  readonly ended: Promise<void>;
  /** Stops the server: `fast` ends sessions and checkpoints, `immediate` leaves recovery to the next start. */
  stop(mode?: "fast" | "immediate"): Promise<void>;
}

/** PostgreSQL's own limit is 107 bytes; the file name `/.s.PGSQL.5432` is part of it. */
const socketPathBytesMax = 100;
const socketName = ".s.PGSQL.5432";
const startTimeoutMs = 60_000;
const stopTimeoutMs = 30_000;

const ourSettings = {
  listen_addresses: "",
  port: "5432",
  unix_socket_permissions: "0700",
  shared_buffers: "256MB",
  max_connections: "100",
  // Fewer checkpoints: each one makes the first change of every page write the whole page to the log again.
  max_wal_size: "2GB",
  checkpoint_timeout: "15min",
  synchronous_commit: "on",
  // A laptop has nothing to gain from a compiler for queries of a millisecond.
  jit: "off",
  log_line_prefix: "%m [%p] ",
  log_checkpoints: "off",
} as const;

/** One argument per setting, as `-c name=value`. */
function settingWords(options: PostgresOptions, socketDir: string): string[] {
  const durability = options.ephemeral === true ? { fsync: "off", full_page_writes: "off" } : {};
  const all = {
    ...ourSettings,
    ...durability,
    ...options.settings,
    unix_socket_directories: socketDir,
    listen_addresses: "",
  };
  return Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

function privateFolder(path: string, account: PostgresAccount): string {
  mkdirSync(dirname(path), { recursive: true, mode: account.home === undefined ? 0o700 : 0o711 });
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
  if (account.uid !== undefined && account.gid !== undefined) chownSync(path, account.uid, account.gid);
  return path;
}

function socketFolder(
  home: string,
  account: PostgresAccount,
  runtimeDir = tmpdir(),
): { path: string; temporary: boolean } {
  const usual = join(home, "run");
  if (Buffer.byteLength(join(usual, socketName)) <= socketPathBytesMax)
    return { path: privateFolder(usual, account), temporary: false };
  const path = mkdtempSync(join(existsSync(runtimeDir) ? runtimeDir : tmpdir(), "capstan-"));
  return { path: privateFolder(path, account), temporary: true };
}

function readPostmaster(pgDir: string): { pid: number; isReady: boolean } | undefined {
  try {
    const lines = readFileSync(join(pgDir, "postmaster.pid"), "utf8").split("\n");
    const pid = Number(lines[0]);
    return Number.isInteger(pid) && pid > 0 ? { pid, isReady: lines[7]?.trim() === "ready" } : undefined;
  } catch {
    return undefined;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** True where the process is a server of this folder and not a stranger that got the same number. */
function servesFolder(pid: number, pgDir: string): boolean {
  if (!isAlive(pid)) return false;
  if (process.platform !== "linux") return true;
  try {
    return resolve(readlinkSync(`/proc/${pid}/cwd`)) === pgDir; // postgres works in its data folder
  } catch {
    return false;
  }
}

async function waitUntil(condition: () => boolean, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) return false;
    await delay(5);
  }
  return true;
}

async function stopServer(pid: number, mode: "fast" | "immediate"): Promise<void> {
  const send = (signal: NodeJS.Signals): void => {
    try {
      process.kill(pid, signal);
    } catch {
      // It has just ended by itself.
    }
  };
  send(mode === "fast" ? "SIGINT" : "SIGQUIT");
  if (await waitUntil(() => !isAlive(pid), stopTimeoutMs)) return;
  send("SIGQUIT");
  if (await waitUntil(() => !isAlive(pid), 5000)) return;
  send("SIGKILL");
  await waitUntil(() => !isAlive(pid), 5000);
}

const lastLines = (path: string): string => {
  try {
    return readFileSync(path, "utf8").trim().split("\n").slice(-3).join("\n");
  } catch {
    return "";
  }
};

interface Place {
  readonly pgDir: string;
  readonly logFile: string;
  readonly account: PostgresAccount;
  readonly programs: PostgresPackage;
}

const userOf = (account: PostgresAccount): { uid?: number; gid?: number } =>
  account.uid === undefined || account.gid === undefined ? {} : { uid: account.uid, gid: account.gid };

function initialise(place: Place, ephemeral: boolean): void {
  const program = join(place.programs.bin, "initdb");
  const args = [
    "-D",
    place.pgDir,
    "-U",
    "postgres",
    "--auth=trust",
    "--no-instructions",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--locale=C.UTF-8",
    "--no-locale",
    ...(ephemeral ? ["--no-sync"] : []),
  ];
  const [command = program, ...words] = [...place.account.prefix, program, ...args];
  const done = spawnSync(command, words, { encoding: "utf8", env: programEnv(), cwd: "/", ...userOf(place.account) });
  if (done.status === 0) return;
  // A half-made folder would be taken for data next time.
  rmSync(place.pgDir, { recursive: true, force: true });
  const cause = `${done.stderr ?? ""}${done.error?.message ?? ""}`.trim().split("\n").slice(-3).join("\n");
  throw new AppError("postgres_failed", `PostgreSQL could not make its files in ${place.pgDir}: ${cause}`);
}

/** Nothing of ours goes into the server's environment: no token, no PG* variable that would change its mind. */
const programEnv = (): Record<string, string> => ({
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
  TZ: "UTC",
});

function launch(place: Place, words: readonly string[]): ChildProcess {
  const program = join(place.programs.bin, "postgres");
  const [command = program, ...args] = [
    ...place.account.prefix,
    ...place.account.lifetime,
    program,
    "-D",
    place.pgDir,
    ...words,
  ];
  const log = openSync(place.logFile, "a", 0o600);
  try {
    // Detached: a Ctrl-C on the terminal must reach us alone, or the database would be gone before its clients.
    return spawn(command, args, {
      detached: true,
      stdio: ["ignore", log, log],
      env: programEnv(),
      cwd: "/",
      ...userOf(place.account),
    });
  } finally {
    closeSync(log);
  }
}

function locate(options: PostgresOptions): Place & { home: string } {
  const dataDir = resolve(options.dataDir);
  const account = postgresAccount(dataDir, process.getuid?.() === 0);
  const found = postgresPackage(join(dataDir, "postgresql"));
  const home = account.home ?? dataDir;
  if (account.home !== undefined) privateFolder(home, account);
  const programs =
    account.home === undefined ? found : copyPackage(found.root, `/var/lib/capstan/postgresql-${postgresMajor}`);
  mkdirSync(join(dataDir, "log"), { recursive: true, mode: 0o700 });
  return { pgDir: join(home, "pg"), logFile: join(dataDir, "log", "postgres.log"), account, programs, home };
}

function checkMajor(pgDir: string): boolean {
  const file = join(pgDir, "PG_VERSION");
  if (!existsSync(file)) return false;
  const major = readFileSync(file, "utf8").trim();
  if (major !== postgresMajor) {
    throw new AppError(
      "postgres_major",
      `${pgDir} holds PostgreSQL ${major} files, this version needs ${postgresMajor}`,
    );
  }
  return true;
}

/**
 * Starts the server of a data folder and waits until it takes connections; makes its files the first time.
 * The caller stops it; where the caller dies instead, the server ends by itself (on Linux with setpriv).
 * @throws postgres_missing postgres_major postgres_as_root postgres_failed
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const place = locate(options);
  const isMade = checkMajor(place.pgDir);
  const left = isMade ? readPostmaster(place.pgDir) : undefined;
  if (left !== undefined && servesFolder(left.pid, place.pgDir)) await stopServer(left.pid, "fast");
  else if (left !== undefined) rmSync(join(place.pgDir, "postmaster.pid"), { force: true }); // a number that belongs to nobody, or to a stranger
  if (!isMade) {
    mkdirSync(place.home, { recursive: true, mode: 0o700 });
    initialise(place, options.ephemeral === true);
  }
  const socket = socketFolder(place.home, place.account, options.runtimeDir);
  const child = launch(place, settingWords(options, socket.path));
  const ended = new Promise<void>((done) => {
    child.once("exit", () => done());
    child.once("error", () => done());
  });
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
    if (socket.temporary) rmSync(socket.path, { recursive: true, force: true });
  });
  const isReady = (): boolean => {
    const postmaster = readPostmaster(place.pgDir);
    return postmaster !== undefined && postmaster.pid === child.pid && postmaster.isReady;
  };
  await waitUntil(() => hasEnded || isReady(), startTimeoutMs);
  const pid = child.pid;
  if (hasEnded || pid === undefined || !isReady()) {
    if (pid !== undefined && !hasEnded) await stopServer(pid, "immediate");
    throw new AppError(
      "postgres_failed",
      `PostgreSQL did not start; ${place.logFile} ends with:\n${lastLines(place.logFile)}`,
    );
  }
  return {
    url: `postgres://postgres@localhost:5432/postgres?host=${encodeURIComponent(socket.path)}`,
    pid,
    account: place.account.kind,
    recovered: left !== undefined,
    created: !isMade,
    ended,
    stop: async (mode = "fast") => {
      if (!hasEnded) await stopServer(pid, mode);
      await ended;
    },
  };
}
