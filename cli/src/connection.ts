// Which control plane a command talks to, and with which token.
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { AppError } from "@capstan/proto";
import { Client } from "./api/client.ts";
import type { Environment } from "./config.ts";
import { isHeld, readLock } from "./dev/lock.ts";

export interface ConnectionOptions {
  readonly server?: string;
  readonly data?: string;
  readonly project?: string;
  readonly tokenFile?: string;
}

/** The data folder to use: what was said, else the nearest `.capstan` with a lock, here or in a parent. */
export function findDataDir(cwd: string, said: string | undefined): string | undefined {
  if (said !== undefined) return resolve(cwd, said);
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".capstan", "lock"))) return join(folder, ".capstan");
    if (dirname(folder) === folder) return undefined;
  }
}

/** A token from a file: one line, nobody else's link followed. */
function readToken(path: string): string {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    throw new AppError("file_unreadable", `the token file ${path} cannot be read`, { cause: error });
  }
  try {
    if (fstatSync(file).size > 4096)
      throw new AppError("file_unreadable", `the token file ${path} is too large to be a token`);
    return readFileSync(file, "utf8").trim();
  } finally {
    closeSync(file);
  }
}

const localKey = (dataDir: string): string => join(dataDir, "keys", "local");

/** The running `dev` of a data folder. @throws unreachable */
export function localServer(dataDir: string): string {
  const lock = readLock(dataDir);
  if (lock === undefined || !isHeld(lock)) throw new AppError("unreachable", `no capstan dev is running on ${dataDir}`);
  if (lock.url === undefined)
    throw new AppError("unreachable", `capstan dev on ${dataDir} is still starting (pid ${lock.pid})`);
  return lock.url;
}

/**
 * A client for the control plane that flags, environment or the running `dev` name, in this order.
 * @throws unreachable where no `dev` runs here; not_signed_in where a server is named without a token
 */
export function connect(options: ConnectionOptions, environment: Environment, cwd: string): Client {
  const project = options.project ?? environment.project;
  const server = options.server ?? (options.data === undefined ? environment.server : undefined);
  const tokenFile = options.tokenFile ?? environment.tokenFile;
  if (server !== undefined) {
    if (!URL.canParse(server) || !/^https?:$/.test(new URL(server).protocol))
      throw new AppError("usage", `--server ${server} is no http or https address`);
    const token = tokenFile !== undefined ? readToken(tokenFile) : environment.token;
    if (token === undefined)
      throw new AppError("not_signed_in", `no token for ${server}: give --token-file or CAPSTAN_TOKEN_FILE`);
    return new Client({ server: new URL(server).origin, token, project });
  }
  const dataDir = findDataDir(cwd, options.data ?? environment.dataDir);
  if (dataDir === undefined)
    throw new AppError("unreachable", `no capstan dev is running in ${cwd} or above it, and no --server was given`);
  return new Client({ server: localServer(dataDir), token: readToken(localKey(dataDir)), project });
}

/** A client for a control plane that this process started itself. */
export const connectLocal = (url: string, dataDir: string, project = "default"): Client =>
  new Client({ server: url, token: readToken(localKey(dataDir)), project });
