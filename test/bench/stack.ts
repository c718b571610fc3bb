// Everything on this machine, as a user runs it: PostgreSQL with fsync on, the control plane as its own process, agents
// as theirs. Only the limits differ, and the report says so.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startPostgres, type RunningPostgres } from "../../cli/src/dev/postgres.ts";
import { Client } from "./client.ts";
import type { Group } from "./cpu.ts";

/** As a server is set up that does nothing else; durability is not touched. They stand in the result. */
export const postgresSettings = { shared_buffers: "1GB", max_wal_size: "8GB" } as const;

const repository = fileURLToPath(new URL("../..", import.meta.url));

export interface AgentSpec {
  readonly name: string;
  readonly slots: number;
  /** `noop`: every `run` action ends at once inside the agent; admission, journal, fsync and reports are real. */
  readonly noop: boolean;
}

export interface Stack {
  readonly client: Client;
  readonly folder: string;
  /** Root processes by group, for counting CPU time. */
  roots(): Readonly<Record<Group, readonly number[]>>;
  stop(): Promise<void>;
}

interface Started {
  readonly child: ChildProcess;
  readonly line: Readonly<Record<string, unknown>>;
}

/** Starts a process and waits for its first JSON line on stdout. */
function startProcess(
  file: string,
  args: readonly string[],
  env: Record<string, string>,
  options: { readonly input?: string; readonly profileDir?: string | undefined } = {},
): Promise<Started> {
  const { input, profileDir } = options;
  const profiling = profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...profiling, file, ...args], {
      env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "/", LANG: "C.UTF-8", ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-4000);
    });
    const onExit = (code: number | null): void => reject(new Error(`${file} ended with ${code}: ${errors}`));
    child.on("exit", onExit);
    child.on("error", reject);
    createInterface({ input: child.stdout }).once("line", (line) => {
      child.off("exit", onExit);
      resolve({ child, line: JSON.parse(line) as Record<string, unknown> }); // our own processes write it
    });
    if (input === undefined) return;
    child.stdin.end(input);
  });
}

function stopProcess(child: ChildProcess, signals: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const hard = setTimeout(() => child.kill("SIGKILL"), 10_000);
    child.on("exit", () => {
      clearTimeout(hard);
      resolve();
    });
    for (let i = 0; i < signals; i++) child.kill("SIGTERM");
  });
}

/** @param profileDir where control plane and agents leave a CPU profile at their end; undefined: none */
export async function startStack(agents: readonly AgentSpec[], profileDir?: string): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), "capstan-bench-"));
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.toReversed()) await one().catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const postgres: RunningPostgres = await startPostgres({ dataDir: folder, settings: postgresSettings });
    stops.push(() => postgres.stop());
    const keysDir = join(folder, "keys");
    mkdirSync(keysDir, { mode: 0o700 });
    const server = await startProcess(
      join(repository, "control-plane/dist/main.js"),
      [],
      {
        CAPSTAN_DATABASE_URL: postgres.url,
        CAPSTAN_HTTP__PORT: "0",
        CAPSTAN_KEYS_DIR: keysDir,
        CAPSTAN_DATA_DIR: folder,
        CAPSTAN_LOG_LEVEL: "warn",
        NODE_ENV: "production",
      },
      { profileDir },
    );
    stops.push(() => stopProcess(server.child, 1));
    const url = String(server.line["url"]);
    const client = new Client(url, readFileSync(join(keysDir, "local"), "utf8").trim());
    stops.push(() => client.close());
    const agentPids: number[] = [];
    const agentFolders: string[] = [];
    for (const agent of agents) {
      const dataDir = join(folder, agent.name);
      agentFolders.push(dataDir);
      const token = await client.joinToken();
      const joined = await startProcess(
        join(repository, "agent/dist/main.js"),
        ["join", url, "--name", agent.name, "--data", dataDir],
        {},
        { input: token },
      );
      await stopProcess(joined.child, 0);
      const entry = agent.noop
        ? fileURLToPath(new URL("noop-agent.ts", import.meta.url))
        : join(repository, "agent/dist/main.js");
      const flags = agent.noop ? ["--data", dataDir] : ["start", "--data", dataDir];
      const started = await startProcess(
        entry,
        flags,
        {
          CAPSTAN_SERVER: url,
          CAPSTAN_AGENT__NAME: agent.name,
          CAPSTAN_AGENT__SLOTS: String(agent.slots),
          CAPSTAN_LOG_LEVEL: "error",
          ...(agent.noop ? { CAPSTAN_AGENT__RUNNERS: "1" } : {}),
        },
        { profileDir },
      );
      if (started.child.pid !== undefined) agentPids.push(started.child.pid);
      stops.push(() => stopProcess(started.child, 2));
    }
    return {
      client,
      folder,
      roots: () => ({
        controlPlane: server.child.pid === undefined ? [] : [server.child.pid],
        agent: [...agentPids, ...agentFolders.flatMap(runnersOf)],
        postgres: [postgres.pid],
        generator: [process.pid],
      }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runners outlive their agent on purpose, so they are no children of it: found by the agent's folder in their command. */
function runnersOf(agentFolder: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8");
      const environment = readFileSync(`/proc/${name}/environ`, "utf8");
      const isRunner =
        command.includes("runner/main") && (command.includes(agentFolder) || environment.includes(agentFolder));
      return isRunner ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}
