// Which control plane a command talks to, and with which token.
//  K1. Flag, environment, the `capstan dev` of the folder, the current profile: the first that says something decides.
//  K2. A token is sent to the server that it was given for: one that was kept at a sign-in belongs to an origin.
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { AppError } from "@capstan/proto";
import { Client } from "./api/client.ts";
import type { Environment } from "./config.ts";
import { isHeld, readLock } from "./dev/lock.ts";
import { findProfile, readCredential, readSettings, type Profile } from "./settings.ts";

export interface ConnectionOptions {
  readonly server?: string;
  readonly data?: string;
  readonly project?: string;
  readonly profile?: string;
  readonly tokenFile?: string;
}

/** The data folder to use: what was said, else the nearest `.capstan` with a lock, here or in a parent. */
export function findDataDir(cwd: string, said?: string): string | undefined {
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

/** A control plane, and by what the command line knows of each part. */
export interface Target {
  readonly server: Known;
  readonly project: Known;
  /** The profile that names the server, if one does. */
  readonly profile: string | undefined;
  /** The data folder of the `capstan dev` that it is, if it is one. */
  readonly dataDir: string | undefined;
}

interface Known {
  readonly value: string;
  /** `--server`, `CAPSTAN_SERVER`, `profile prod`, … */
  readonly from: string;
}

/**
 * Which control plane flags, environment, the folder's `capstan dev` or the current profile name, in this order. A folder
 * whose `dev` does not run is an error and no reason to talk to another server.
 * @throws unreachable where no `dev` runs here; usage for an address or profile that is none
 */
export function resolveTarget(options: ConnectionOptions, environment: Environment, cwd: string): Target {
  const found = findServer(options, environment, cwd);
  const { profile } = found;
  const project: Known =
    options.project !== undefined
      ? { value: options.project, from: "--project" }
      : environment.project !== undefined
        ? { value: environment.project, from: "CAPSTAN_PROJECT" }
        : profile?.project !== undefined
          ? { value: profile.project, from: `profile ${profile.name}` }
          : { value: "default", from: "default" };
  return { server: found.server, project, profile: profile?.name, dataDir: found.dataDir };
}

interface Found {
  readonly server: Known;
  readonly profile: Profile | undefined;
  readonly dataDir: string | undefined;
}

function findServer(options: ConnectionOptions, environment: Environment, cwd: string): Found {
  const named = (server: string, from: string, profile?: Profile): Found => ({
    server: { value: originOf(server, from), from },
    profile,
    dataDir: undefined,
  });
  const local = (dataDir: string, from: string): Found => ({
    server: { value: localServer(dataDir), from },
    profile: undefined,
    dataDir,
  });
  const settings = readSettings(environment.configFile);
  const ofProfile = (name: string, from: string): Found => {
    const profile = findProfile(settings, name);
    return named(profile.server, from, profile);
  };
  if (options.server !== undefined) return named(options.server, "--server");
  if (options.data !== undefined) return local(resolve(cwd, options.data), "--data");
  if (options.profile !== undefined) return ofProfile(options.profile, "--profile");
  if (environment.server !== undefined) return named(environment.server, "CAPSTAN_SERVER");
  if (environment.dataDir !== undefined) return local(resolve(cwd, environment.dataDir), "CAPSTAN_DATA_DIR");
  if (environment.profile !== undefined) return ofProfile(environment.profile, "CAPSTAN_PROFILE");
  const dataDir = findDataDir(cwd);
  if (dataDir !== undefined) return local(dataDir, "capstan dev in this folder");
  if (settings.current !== undefined) return ofProfile(settings.current, "current profile");
  throw new AppError(
    "unreachable",
    `no capstan dev is running in ${cwd} or above it, no --server was given, and no profile is in use`,
  );
}

/** The origin of an address that somebody gave. @throws usage */
export function originOf(server: string, from: string): string {
  if (!URL.canParse(server) || !/^https?:$/.test(new URL(server).protocol))
    throw new AppError("usage", `${from} ${server} is no http or https address`);
  return new URL(server).origin;
}

/** The token for a target, from flags, environment, the folder's `dev` or the sign-in that was kept, in this order. */
export function findToken(
  target: Target,
  options: ConnectionOptions,
  environment: Environment,
): { readonly token: string; readonly from: string } | undefined {
  if (target.dataDir !== undefined) return { token: readToken(localKey(target.dataDir)), from: "keys of capstan dev" };
  if (options.tokenFile !== undefined) return { token: readToken(options.tokenFile), from: "--token-file" };
  if (environment.tokenFile !== undefined)
    return { token: readToken(environment.tokenFile), from: "CAPSTAN_TOKEN_FILE" };
  if (environment.token !== undefined) return { token: environment.token, from: "CAPSTAN_TOKEN" };
  const kept = readCredential(environment.configFile, target.server.value);
  return kept === undefined ? undefined : { token: kept.token, from: `capstan login as ${kept.user}` };
}

/** A client for the target. @throws unreachable usage; not_signed_in where a server is named and no token is known */
export function connect(options: ConnectionOptions, environment: Environment, cwd: string): Client {
  const target = resolveTarget(options, environment, cwd);
  const server = target.server.value;
  const found = findToken(target, options, environment);
  if (found === undefined) throw new AppError("not_signed_in", `nobody is signed in to ${server} here`);
  return new Client({ server, token: found.token, project: target.project.value });
}

/** A client for a control plane that this process started itself. */
export const connectLocal = (url: string, dataDir: string, project = "default"): Client =>
  new Client({ server: url, token: readToken(localKey(dataDir)), project });
