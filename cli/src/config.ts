// The environment, read once and here only.
import { homedir } from "node:os";
import { join } from "node:path";

/** What the environment says to the command line. Flags win over it. */
export interface Environment {
  readonly server: string | undefined;
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  readonly project: string | undefined;
  readonly profile: string | undefined;
  /** What the CI system gives its jobs, to prove which pipeline they are. */
  readonly ci: {
    /** GitHub Actions: where a token is asked for, and what is shown there. */
    readonly tokenUrl: string | undefined;
    readonly tokenRequest: string | undefined;
    /** Others: the token itself, in a variable that the pipeline names. */
    readonly idToken: string | undefined;
  };
  /** Where profiles are kept. */
  readonly configFile: string;
  readonly output: string | undefined;
  readonly dataDir: string | undefined;
  readonly publicUrl: string | undefined;
  readonly databaseUrl: string | undefined;
  /** Within a task of ours, the id of its run. */
  readonly run: string | undefined;
  /** True where nobody watches: CI is set. */
  readonly isCi: boolean;
  readonly color: boolean | undefined;
  readonly runtimeDir: string | undefined;
  readonly stateDir: string;
  /** For children: everything but what only the command line may read. */
  readonly childEnv: Readonly<Record<string, string>>;
}

const ownAlone = new Set([
  "CAPSTAN_TOKEN",
  "CAPSTAN_TOKEN_FILE",
  "CAPSTAN_ID_TOKEN",
  "CAPSTAN_OUTPUT",
  "CAPSTAN_PROFILE",
]);
const text = (value: string | undefined): string | undefined =>
  value === undefined || value === "" ? undefined : value;

/** Parses an environment; the default is the process's own. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>> = process.env): Environment {
  const forced = text(env["FORCE_COLOR"]);
  const isPlain = text(env["NO_COLOR"]) !== undefined || env["TERM"] === "dumb";
  const childEnv = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && !ownAlone.has(entry[0])),
  );
  return {
    server: text(env["CAPSTAN_SERVER"]),
    token: text(env["CAPSTAN_TOKEN"]),
    tokenFile: text(env["CAPSTAN_TOKEN_FILE"]),
    project: text(env["CAPSTAN_PROJECT"]),
    profile: text(env["CAPSTAN_PROFILE"]),
    ci: {
      tokenUrl: text(env["ACTIONS_ID_TOKEN_REQUEST_URL"]),
      tokenRequest: text(env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]),
      idToken: text(env["CAPSTAN_ID_TOKEN"]),
    },
    configFile:
      text(env["CAPSTAN_CONFIG"]) ??
      join(text(env["XDG_CONFIG_HOME"]) ?? join(homedir(), ".config"), "capstan", "config.toml"),
    output: text(env["CAPSTAN_OUTPUT"]),
    dataDir: text(env["CAPSTAN_DATA_DIR"]),
    publicUrl: text(env["CAPSTAN_PUBLIC_URL"]),
    databaseUrl: text(env["CAPSTAN_DATABASE_URL"]),
    run: text(env["CAPSTAN_RUN_ID"]),
    isCi: text(env["CI"]) !== undefined && env["CI"] !== "false",
    color: forced !== undefined && forced !== "0" ? true : isPlain ? false : undefined,
    runtimeDir: text(env["XDG_RUNTIME_DIR"]),
    stateDir: join(text(env["XDG_STATE_HOME"]) ?? join(homedir(), ".local", "state"), "capstan"),
    childEnv,
  };
}
