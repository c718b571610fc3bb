// The stack of `capstan dev`: PostgreSQL, control plane, console, agent and helper services, started and stopped in order.
//  S1. What does not depend on another starts beside it: services and console with the database, the agent's joining with nothing.
//  S2. A failed start stops what was started; nothing is left behind.
//  S3. Stopped in the order of the flow of work: agent, control plane, console and services, database.
//  S4. Runners outlive an agent, and must not outlive us: whatever is left of them when the agent is gone is ended.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AppError, storeLabel } from "@capstan/proto";
import type { Client } from "../api/client.ts";
import type { Environment } from "../config.ts";
import { connectLocal } from "../connection.ts";
import { devPolicy } from "./agent-policy.ts";
import type { Teller } from "./event.ts";
import { consoleServer, packageMain } from "./package-path.ts";
import { Part } from "./part.ts";
import { choosePort, freePort } from "./port.ts";
import { startPostgres, type PostgresOptions, type RunningPostgres } from "./postgres.ts";
import { startServices, type DevFile, type ServiceExports, type StartedServices } from "./services.ts";

export interface StackOptions {
  readonly dataDir: string;
  readonly host: string;
  /** Undefined: 7420 or the next free one. */
  readonly port: number | undefined;
  /** Somebody else's PostgreSQL; undefined starts ours. */
  readonly databaseUrl: string | undefined;
  readonly isEphemeral: boolean;
  readonly withConsole: boolean;
  readonly withAgent: boolean;
  readonly agentLabels: string | undefined;
  readonly slots: number | undefined;
  readonly devFile: { readonly file: DevFile; readonly folder: string } | undefined;
  readonly environment: Environment;
  readonly teller: Teller;
}

/** Flags of every Node process of ours; see the threat model on prototypes and the inspector. */
const nodeFlags = ["--disable-proto=delete", "--disable-sigusr1"] as const;
/** Makes a part end with us; the file says how. */
const lifetimeFlag = `--import=${new URL(`./lifetime.js?parent=${process.pid}`, import.meta.url).href}`;
/** Secrets of references `env:` are for the agent alone: the control plane never sees a value. */
const forAgent = /^CAPSTAN_(?:SECRET_|AGENT__)/;
const startTimeoutMs = 60_000;
const consoleWatchMs = 1000;
const leaveMs = 100;
/** A part that ends more often than this within a minute will not get well by being started again. */
const restartsMax = 5;
const restartWindowMs = 60_000;
/** After a first start in vain; each further pause is three times as long. */
const restartPauseMs = 100;
/** Configuration or identity is wrong: the same start would end the same way. */
const exitMisconfigured = 78;
/** Together below ten seconds, with the database's own stop. */
const graceMs = { drain: 5000, agent: 2500, runners: 2500, server: 1500, rest: 500 } as const;
/** Between TERM and KILL of a task when we end: within the agent's own time, so that it can still give the task back. */
const taskGrace = "1s";

const timed = async <T>(work: () => Promise<T>): Promise<{ value: T; durationMs: number }> => {
  const start = performance.now();
  const value = await work();
  return { value, durationMs: performance.now() - start };
};

export class Stack {
  readonly #options: StackOptions;
  #postgres: RunningPostgres | undefined;
  #server: Part | undefined;
  #agent: Part | undefined;
  #console: Part | undefined;
  #services: StartedServices | undefined;
  #startingServices: Promise<StartedServices | undefined> | undefined;
  #joining: Part | undefined;
  #startPages: () => void = () => {};
  #consoleTimer: NodeJS.Timeout | undefined;
  #isStopping = false;
  #runnersEnded: Promise<void> | undefined;
  #url = "";
  /** Parts that have been ready once: their end is trouble on the way, not a failed start. */
  readonly #ready = new Set<string>();
  readonly #restarts = new Map<string, readonly number[]>();
  #failed: (error: AppError) => void = () => {};
  /** Settles with the first part that ends although nobody asked it to. */
  readonly broken: Promise<AppError>;

  constructor(options: StackOptions) {
    this.#options = options;
    this.broken = new Promise((done) => {
      this.#failed = done;
    });
  }

  get url(): string {
    return this.#url;
  }

  get exports(): ServiceExports {
    return this.#services?.exports ?? { env: {}, inputs: {} };
  }

  /** Environment for a part: the caller's, of our own settings only those for logs and those that `also` fits. */
  #env(own: Readonly<Record<string, string>>, also = /^$/): Record<string, string> {
    const kept = Object.entries(this.#options.environment.childEnv).filter(
      ([name]) => !name.startsWith("CAPSTAN_") || name === "CAPSTAN_LOG_LEVEL" || also.test(name),
    );
    return { ...Object.fromEntries(kept), ...own };
  }

  #part(
    name: string,
    main: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    also?: RegExp,
  ): Part {
    return new Part({
      name,
      command: process.execPath,
      args: [...nodeFlags, lifetimeFlag, main, ...args],
      env: this.#env(env, also),
      logFile: this.#logFile(name),
    });
  }

  /** An agent that was revoked has none any more. */
  #hasIdentity(): boolean {
    return existsSync(join(this.#options.dataDir, "agent", "identity"));
  }

  #logFile(name: string): string {
    return join(this.#options.dataDir, "log", `${name}.log`);
  }

  /**
   * Starts a part, and starts it again when it ends although nobody asked it to, once it has been ready.
   * @param goesOn where it may end for good: why the rest goes on without it
   */
  #keep(
    name: string,
    make: () => Part,
    hold: (part: Part) => void,
    goesOn = (): string | undefined => undefined,
  ): Part {
    const part = make();
    hold(part);
    void part.ended.then(({ code, signal }) => {
      if (this.#isStopping) return;
      const how = signal ?? `exit code ${code}`;
      const without = code === exitMisconfigured && this.#ready.has(name) ? goesOn() : undefined;
      if (without !== undefined) return this.#options.teller.note(without);
      if (this.#ready.has(name) && code !== exitMisconfigured && this.#mayRestart(name)) {
        this.#options.teller.note(`the ${name} ended (${how}) and is started again`);
        this.#keep(name, make, hold, goesOn);
      } else {
        const words = `${name} ended (${how}); ${this.#logFile(name)} ends with:\n${part.lastLines()}`;
        this.#failed(new AppError("part_failed", words));
      }
    });
    return part;
  }

  #mayRestart(name: string): boolean {
    const now = performance.now();
    const recent = (this.#restarts.get(name) ?? []).filter((at) => now - at < restartWindowMs);
    this.#restarts.set(name, [...recent, now]);
    return recent.length < restartsMax;
  }

  /** Starts everything but the agent, and gives the client of the control plane. */
  async startServer(): Promise<Client> {
    const { teller, dataDir, host, devFile } = this.#options;
    const [chosen, consolePort] = await Promise.all([choosePort(host, this.#options.port), freePort()]);
    if (chosen.note !== undefined) teller.note(chosen.note);
    const services = devFile === undefined ? undefined : startServices(devFile, dataDir, this.#env({}));
    this.#startingServices = services?.catch(() => undefined); // a failure is looked at below, after the database
    const shownHost = host.includes(":") ? `[${host}]` : host;
    const isNewAgent = this.#options.withAgent && !this.#hasIdentity();
    if (isNewAgent) this.#joining = this.#startJoining(`http://${shownHost}:${chosen.port}`);
    const databaseUrl = await this.#startDatabase();
    const consoleUrl = this.#options.withConsole ? `http://127.0.0.1:${consolePort}` : undefined;
    if (consoleUrl !== undefined) this.#startPages = () => this.#startConsole(consolePort, chosen.port);
    const start = performance.now();
    const settings = {
      CAPSTAN_DATABASE_URL: databaseUrl,
      CAPSTAN_HTTP__HOST: host,
      CAPSTAN_HTTP__PORT: String(chosen.port),
      CAPSTAN_KEYS_DIR: join(dataDir, "keys"),
      CAPSTAN_DATA_DIR: dataDir,
      CAPSTAN_PUBLIC_URL: this.#options.environment.publicUrl ?? `http://${shownHost}:${chosen.port}`,
      CAPSTAN_LOG_FORMAT: "json",
      ...(consoleUrl === undefined ? {} : { CAPSTAN_CONSOLE__URL: consoleUrl }),
    };
    const main = packageMain("@capstan/control-plane");
    const server = this.#keep(
      "server",
      () => this.#part("server", main, [], settings),
      (part) => {
        this.#server = part;
      },
    );
    const ready = await server.line((line) => line["event"] === "ready", startTimeoutMs);
    this.#ready.add("server");
    this.#url = typeof ready["url"] === "string" ? ready["url"] : `http://${shownHost}:${chosen.port}`;
    teller.step({ name: "server", durationMs: performance.now() - start, detail: this.#url });
    this.#services = await services;
    return connectLocal(this.#url, dataDir);
  }

  async #startDatabase(): Promise<string> {
    const { databaseUrl, dataDir, isEphemeral, environment, teller } = this.#options;
    if (databaseUrl !== undefined) return databaseUrl;
    const options = {
      dataDir,
      ephemeral: isEphemeral,
      ...(environment.runtimeDir === undefined ? {} : { runtimeDir: environment.runtimeDir }),
    };
    const { value, durationMs } = await timed(() => startPostgres(options));
    this.#holdPostgres(value, options);
    if (value.recovered)
      teller.note(`last time ended without a stop; the database recovered in ${(durationMs / 1000).toFixed(1)} s`);
    teller.step({ name: "database", durationMs });
    return value.url;
  }

  /** A database that ends by itself is started again at the same address: its clients only see it away for a moment. */
  #holdPostgres(postgres: RunningPostgres, options: PostgresOptions): void {
    this.#postgres = postgres;
    void postgres.ended.then(() => this.#restartPostgres(postgres.url, options, restartPauseMs));
  }

  async #restartPostgres(url: string, options: PostgresOptions, pauseMs: number): Promise<void> {
    if (this.#isStopping) return;
    const words = `PostgreSQL ended; ${this.#logFile("postgres")} says why`;
    if (!this.#mayRestart("database")) return this.#failed(new AppError("postgres_failed", words));
    this.#options.teller.note("the database ended and is started again");
    try {
      const again = await startPostgres(options);
      this.#holdPostgres(again, options);
      if (again.url !== url) this.#failed(new AppError("postgres_failed", words));
      else if (this.#isStopping) await again.stop();
    } catch {
      // The backends of one that was killed hold its memory until they have noticed, and nothing starts beside them.
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      await this.#restartPostgres(url, options, pauseMs * 3);
    }
  }

  /** Starts the console, after what runs work: its own start would only make that wait for the processor. */
  startConsole(): void {
    this.#startPages();
  }

  /** Starts the console now, or as soon as its build is there; the front door answers for it until then. */
  #startConsole(port: number, serverPort: number): void {
    const start = (): boolean => {
      const main = consoleServer();
      if (main === undefined || this.#isStopping) return false;
      const api = `http://127.0.0.1:${serverPort}`;
      const settings = {
        NODE_ENV: "production",
        HOSTNAME: "127.0.0.1",
        PORT: String(port),
        NEXT_TELEMETRY_DISABLED: "1",
        CAPSTAN_API_URL: api,
        CAPSTAN_SERVER: api,
      };
      this.#ready.add("console"); // pages are not worth ending the rest for
      this.#keep(
        "console",
        () => this.#part("console", main, [], settings),
        (part) => {
          this.#console = part;
        },
      );
      return true;
    };
    if (!start()) {
      let isThere = false;
      this.#consoleTimer = setInterval(() => {
        // Seen twice: what the build copies last has had a second to become whole.
        const wasThere = isThere;
        isThere = consoleServer() !== undefined;
        if (this.#isStopping || (wasThere && isThere && start())) clearInterval(this.#consoleTimer);
      }, consoleWatchMs);
    }
  }

  /** Enrols the agent the first time, starts it, and waits until the control plane has welcomed it. */
  async startAgent(client: Client): Promise<void> {
    const { dataDir, teller, agentLabels, slots } = this.#options;
    const main = packageMain("@capstan/agent");
    const env = {
      ...this.exports.env,
      CAPSTAN_SERVER: this.#url,
      CAPSTAN_DATA_DIR: join(dataDir, "agent"),
      CAPSTAN_AGENT__NAME: "laptop",
      CAPSTAN_AGENT__STOP_GRACE: taskGrace,
      ...devPolicy(dataDir, this.#options.environment.childEnv),
      ...(agentLabels === undefined ? {} : { CAPSTAN_AGENT__LABELS: agentLabels }),
      ...(slots === undefined ? {} : { CAPSTAN_AGENT__SLOTS: String(slots) }),
    };
    const start = performance.now();
    if (this.#joining !== undefined) await this.#join(client, this.#joining);
    const agent = this.#keep(
      "agent",
      () => this.#part("agent", main, ["start"], env, forAgent),
      (part) => {
        this.#agent = part;
      },
      () => (this.#hasIdentity() ? undefined : "the agent was revoked; another one joins when you start again"),
    );
    const ready = await agent.line((line) => line["event"] === "ready", startTimeoutMs);
    this.#ready.add("agent");
    const name = typeof ready["name"] === "string" ? ready["name"] : "laptop";
    const durationMs = performance.now() - start;
    const agents = await client.call("agentList", {});
    const labels = Object.entries(agents.data.find((agent) => agent.name === name)?.labels ?? {}).filter(
      ([key]) => key !== storeLabel, // an id, of use to nobody here
    );
    teller.step({
      name: "agent",
      durationMs,
      detail: `${name}   ${labels.map(([key, value]) => `${key}=${value}`).join(" ")}`,
    });
  }

  /** The process that enrols the agent. It comes up while the server does, and waits for its token. */
  #startJoining(url: string): Part {
    return new Part({
      name: "agent",
      command: process.execPath,
      args: [...nodeFlags, packageMain("@capstan/agent"), "join", url, "--name", "laptop"],
      env: this.#env({ CAPSTAN_DATA_DIR: join(this.#options.dataDir, "agent") }, forAgent),
      logFile: this.#logFile("agent"),
    });
  }

  /** The join token reaches the agent on stdin: an argument or a variable could be read by others. */
  async #join(client: Client, part: Part): Promise<void> {
    const labels = this.#options.devFile?.file.labels ?? {};
    const { token } = await client.call("joinTokenCreate", { params: { pool: "default" }, body: { uses: 1, labels } });
    part.give(token);
    const { code } = await part.ended;
    if (code !== 0)
      throw new AppError(
        "part_failed",
        `the agent could not join (exit code ${code}); log/agent.log ends with:\n${part.lastLines()}`,
      );
  }

  /** Ordered stop, at most ten seconds. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#consoleTimer);
    this.#joining?.kill();
    await this.#stopAgent();
    await this.#endRunners();
    await this.#server?.stop(graceMs.server);
    const services = await this.#startingServices;
    await Promise.all([
      this.#console?.stop(graceMs.rest),
      ...(services?.parts ?? []).map((part) => part.stop(graceMs.rest)),
    ]);
    await this.#postgres?.stop("fast");
  }

  /** First ask: no new work, what runs may end. Second: it is stopped and given back. */
  async #stopAgent(): Promise<void> {
    const agent = this.#agent;
    if (agent === undefined || agent.hasEnded) return;
    const second = setTimeout(() => {
      if (agent.pid !== undefined && !agent.hasEnded) process.kill(agent.pid, "SIGTERM");
    }, graceMs.drain);
    await agent.stop(graceMs.drain + graceMs.agent);
    clearTimeout(second);
  }

  /** Once: an orderly stop and the one that overtakes it wait for the same end. */
  #endRunners(): Promise<void> {
    this.#runnersEnded ??= this.#endLeftRunners();
    return this.#runnersEnded;
  }

  /** What an agent leaves behind: nothing after an orderly end, runners with their tasks after any other. */
  async #endLeftRunners(): Promise<void> {
    if (this.#agent === undefined) return;
    const folder = join(this.#options.dataDir, "agent", "r");
    const isLeft = (): boolean => existsSync(folder) && readdirSync(folder).some((name) => /^\d+\.json$/.test(name));
    // Runners that were told to leave are on their way.
    for (const end = performance.now() + leaveMs; isLeft() && performance.now() < end;) await delay(10);
    if (!isLeft()) return;
    const part = new Part({
      name: "agent",
      command: process.execPath,
      args: [...nodeFlags, packageMain("@capstan/agent"), "end"],
      env: this.#env({ CAPSTAN_DATA_DIR: join(this.#options.dataDir, "agent") }),
      logFile: this.#logFile("agent"),
      closeStdin: true,
    });
    const timer = setTimeout(() => part.kill(), graceMs.runners);
    await part.ended;
    clearTimeout(timer);
  }

  /** Stop at once: parts are killed, the database recovers at the next start. */
  async stopNow(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#consoleTimer);
    const parts = [this.#joining, this.#agent, this.#server, this.#console, ...(this.#services?.parts ?? [])];
    for (const part of parts) part?.kill();
    await this.#agent?.ended; // its lock is free only then
    await Promise.all([this.#endRunners(), this.#postgres?.stop("immediate")]);
  }
}
