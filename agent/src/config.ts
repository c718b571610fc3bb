// The agent's settings: from the environment and the command line, checked once. The only reader of the environment,
// besides the secrets of `env:` references.
import { availableParallelism, hostname } from "node:os";
import { resolve } from "node:path";
import { AppError, labelKeyPattern, parseDuration } from "@capstan/proto";

export interface AgentConfig {
  /** Origin of the control plane, without a slash at the end. Undefined: the one of the enrolment. */
  readonly server: string | undefined;
  /** Absolute path of the agent's own folder. */
  readonly dataDir: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;
  readonly runners: number;
  /** Graphics cards for `resources.gpu`; absent: those of NVIDIA that the host shows. */
  readonly gpus?: number;
  /** The policy file of the host's owner, where it was chosen; absent: `/etc/capstan/agent-policy.yaml`, if it is there. */
  readonly policyPath?: string;
  /** Folder of the store for what may not leave; absent: `store` in the data folder. Agents may share one. */
  readonly storeDir?: string;
  /** How long that is kept after its last use; absent: 30 days. */
  readonly keepMs?: number;
  readonly drainTimeoutMs: number;
  /** At most this long between TERM and KILL where the agent itself has to stop; absent: what each task asks for. */
  readonly stopGraceMsMax?: number;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

export interface ConfigSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: Readonly<{ name?: string; dataDir?: string; server?: string }>;
}

/** Labels that the agent measures itself; an author of `[agent] labels` may not claim them. */
export const factLabels = [
  "host",
  "os",
  "arch",
  "kernel",
  "python",
  "node",
  "docker",
  "kubernetes",
  "gpu",
  "mem_gb",
  "cpus",
  "containment",
  "store",
] as const;

const invalid = (name: string, value: string, wanted: string): AppError =>
  new AppError("agent_config_invalid", `${name} is ${JSON.stringify(value)}; it must be ${wanted}`);

/**
 * Reads the configuration. Defaults: data folder `.capstan/agent`, name of the host, slots min(16, 2 × CPUs), runners
 * min(CPUs, 4), drain timeout 30 min.
 * @throws agent_config_invalid naming the variable
 */
export function readConfig({ env, flags }: ConfigSource): AgentConfig {
  const cpus = availableParallelism();
  if (env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0") {
    throw invalid("NODE_TLS_REJECT_UNAUTHORIZED", "0", "unset: the agent never talks to a server it cannot verify");
  }
  const name =
    flags.name ??
    env["CAPSTAN_AGENT__NAME"] ??
    hostname()
      .toLowerCase()
      .replace(/[^a-z0-9._-]/g, "-");
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name))
    throw invalid("the agent's name", name, "lower-case letters, digits, . _ -");
  const level = env["CAPSTAN_LOG_LEVEL"] ?? "info";
  if (level !== "debug" && level !== "info" && level !== "warn" && level !== "error") {
    throw invalid("CAPSTAN_LOG_LEVEL", level, "debug, info, warn or error");
  }
  const drain = env["CAPSTAN_AGENT__DRAIN_TIMEOUT"] ?? "30m";
  const drainTimeoutMs = parseDuration(drain);
  if (drainTimeoutMs === undefined) throw invalid("CAPSTAN_AGENT__DRAIN_TIMEOUT", drain, "a duration such as 30m");
  const grace = env["CAPSTAN_AGENT__STOP_GRACE"];
  const stopGraceMsMax = grace === undefined ? undefined : parseDuration(grace);
  if (grace !== undefined && stopGraceMsMax === undefined)
    throw invalid("CAPSTAN_AGENT__STOP_GRACE", grace, "a duration such as 10s");
  const gpus = env["CAPSTAN_AGENT__GPUS"];
  const policy = env["CAPSTAN_AGENT__POLICY"];
  const store = env["CAPSTAN_AGENT__STORE"];
  const keep = env["CAPSTAN_AGENT__KEEP"];
  const keepMs = keep === undefined ? undefined : parseDuration(keep);
  if (keep !== undefined && keepMs === undefined) throw invalid("CAPSTAN_AGENT__KEEP", keep, "a duration such as 30d");
  const server = flags.server ?? env["CAPSTAN_SERVER"];
  return {
    server: server === undefined ? undefined : originOf(server),
    dataDir: resolve(flags.dataDir ?? env["CAPSTAN_DATA_DIR"] ?? ".capstan/agent"),
    name,
    labels: readLabels(env["CAPSTAN_AGENT__LABELS"] ?? ""),
    slots: readNumber("CAPSTAN_AGENT__SLOTS", env["CAPSTAN_AGENT__SLOTS"], Math.min(16, 2 * cpus), 1000),
    runners: readNumber("CAPSTAN_AGENT__RUNNERS", env["CAPSTAN_AGENT__RUNNERS"], Math.min(cpus, 4), 16),
    ...(gpus === undefined || gpus === "" ? {} : { gpus: readNumber("CAPSTAN_AGENT__GPUS", gpus, 0, 64, 0) }),
    ...(policy === undefined || policy === "" ? {} : { policyPath: resolve(policy) }),
    ...(store === undefined || store === "" ? {} : { storeDir: resolve(store) }),
    ...(keepMs === undefined ? {} : { keepMs }),
    drainTimeoutMs,
    ...(stopGraceMsMax === undefined ? {} : { stopGraceMsMax }),
    logLevel: level,
  };
}

/** `http(s)://host[:port]` of a URL. @throws agent_config_invalid */
export function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:") || url.username !== "") {
    throw invalid("the control plane's URL", text, "http://… or https://… without a user name");
  }
  return url.origin;
}

function readNumber(name: string, text: string | undefined, fallback: number, max: number, min = 1): number {
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw invalid(name, text, `a number from ${min} to ${max}`);
  return value;
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const part of text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")) {
    const at = part.indexOf("=");
    const key = part.slice(0, Math.max(at, 0));
    if (at < 1 || !labelKeyPattern.test(key) || Buffer.byteLength(part.slice(at + 1)) > 128) {
      throw invalid("CAPSTAN_AGENT__LABELS", part, "key=value, separated by commas");
    }
    if ((factLabels as readonly string[]).includes(key)) {
      throw invalid("CAPSTAN_AGENT__LABELS", part, `another key: ${key} is measured by the agent (label_reserved)`);
    }
    labels[key] = part.slice(at + 1);
  }
  return labels;
}
