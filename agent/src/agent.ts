// The agent: composition, start, drain, stop. Everything that changes an attempt goes through `HeldAttempts`, everything
// about a session through `Session`; they meet here and nowhere else.
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import type { Server } from "node:net";
import { closeCodes, protocolRange, storeLabel, type ControlFrame, type Resources, type Welcome } from "@capstan/proto";
import { admit } from "./claim/admission.ts";
import { defaultPolicyPath, policyRefusal, readPolicy } from "./claim/policy.ts";
import { freeSlots } from "./claim/slots.ts";
import type { AgentConfig } from "./config.ts";
import type { Connection } from "./connection/connection.ts";
import { Session, type SessionOptions, type SessionWork } from "./connection/session.ts";
import { Supervisor, type Ending } from "./connection/supervisor.ts";
import { readIdentity, wipeIdentity, type Identity } from "./enrol/identity.ts";
import { ControlPlaneFiles } from "./execute/control-plane-files.ts";
import { HeldAttempts, type InlineExecutors } from "./execute/held-attempts.ts";
import { RunnerPool } from "./execute/runner-pool.ts";
import { hostFingerprint, readHostFacts, readHostResources } from "./facts.ts";
import { Journal } from "./journal/journal.ts";
import { LogSender } from "./report/log-sender.ts";
import { Reporter } from "./report/reporter.ts";
import { isFolderOf } from "./runner/attempt-folders.ts";
import { readBootId } from "./runner/process-identity.ts";
import { runnerFoldersOf, socketPath } from "./runner/runner-paths.ts";
import { takeLocalSocket } from "./status/local-socket.ts";
import { sweepAttemptFolders } from "./workspace/directory.ts";
import { openLocalStore, storeFolder, sweepLocalStore, type LocalStore } from "./workspace/local-store.ts";
import { sweepMemory } from "./workspace/memory-folder.ts";

export const agentVersion = "0.1.0";
const isolationLevels = ["L0"] as const;
const executorKinds = ["run", "python", "node", "http", "sql", "notify"] as const;
/** Longest wait for acknowledgements at an orderly end; what is owed then is sent at the next start. */
const flushOnEndMs = 5000;
const noDemand = { free: 0, offers: 0 };
const sweepMs = 60 * 60 * 1000;
const keepMsDefault = 30 * 24 * 60 * 60 * 1000;

export interface AgentOptions {
  readonly config: AgentConfig;
  /** Environment of the runners. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Version of the host's Python, for the label; undefined where there is none. */
  readonly python?: string | undefined;
  /** Run inside the agent, without a runner: for measuring. Kinds not named here go to runners. */
  readonly inlineExecutors?: InlineExecutors;
  /** The module that a runner process runs; default: the product's. */
  readonly runnerEntry?: URL;
  readonly onReady?: (welcome: Welcome) => void;
  readonly log?: (text: string, detail?: object) => void;
}

/** How the agent ended: 0 in order, 75 another one is there, 78 revoked. */
export type AgentExitCode = 0 | 75 | 78;

export interface Agent {
  readonly ended: Promise<AgentExitCode>;
  /** Takes no new work, lets what runs end (up to the drain timeout), then ends. */
  drain(): void;
  /** Stops what runs, with its grace, gives it back, then ends. */
  stop(): void;
  /** Ends at once; runners live on and wait for the next agent. */
  leave(): void;
}

/**
 * Starts the agent on its data folder: takes the lock, recovers, adopts runners, connects.
 * @throws agent_not_enrolled, agent_already_running
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { config } = options;
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const identity = await readIdentity(config.dataDir);
  const state = { isDraining: false };
  const lock = await takeLocalSocket(socketPath(config.dataDir, "agent.sock"), () => ({
    agent: identity.agent,
    name: identity.name,
    pid: process.pid,
    version: agentVersion,
    draining: state.isDraining,
  }));
  return new RunningAgent(options, identity, lock, state).start();
}

class RunningAgent implements Agent {
  readonly ended: Promise<AgentExitCode>;
  readonly #options: AgentOptions;
  readonly #lock: Server;
  readonly #state: { isDraining: boolean };
  readonly #log: (text: string, detail?: object) => void;
  readonly #journal: Journal;
  readonly #store: LocalStore;
  readonly #held: HeldAttempts;
  readonly #pool: RunnerPool;
  readonly #reporter: Reporter;
  readonly #logs: LogSender;
  readonly #supervisor: Supervisor;
  /** What the host has for attempts. */
  readonly #host: Resources;
  readonly #about: SessionOptions["about"];
  #session: Session | undefined;
  #sweepTimer: NodeJS.Timeout | undefined;
  #isReadyTold = false;
  #isEnded = false;
  #resolveEnded: (code: AgentExitCode) => void = () => undefined;

  constructor(options: AgentOptions, identity: Identity, lock: Server, state: { isDraining: boolean }) {
    const { config } = options;
    const server = config.server ?? identity.server;
    this.#options = options;
    this.#lock = lock;
    this.#state = state;
    this.#log = options.log ?? (() => undefined);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    const folders = runnerFoldersOf(config.dataDir);
    const policy = readPolicy(config.policyPath ?? defaultPolicyPath, config.policyPath !== undefined);
    this.#store = openLocalStore(config.storeDir ?? storeFolder(config.dataDir));
    this.#journal = new Journal(config.dataDir);
    this.#held = new HeldAttempts({
      dataDir: config.dataDir,
      journal: this.#journal,
      files: new ControlPlaneFiles({ server, identity, folder: folders.cache }),
      inline: options.inlineExecutors ?? {},
      pool: () => this.#pool,
      reporter: () => this.#reporter,
      logs: () => this.#logs,
      onCapacity: () => this.#reporter.tellDemand(),
      store: this.#store,
      refusalOf: (document, task) => policyRefusal(policy, document, task),
      log: this.#log,
    });
    const isSource = import.meta.url.endsWith(".ts");
    this.#pool = new RunnerPool({
      dataDir: config.dataDir,
      size: config.runners,
      entry: options.runnerEntry ?? new URL(isSource ? "./runner/main.ts" : "./runner/main.js", import.meta.url),
      env: options.env,
      onReport: (report, link) => this.#held.onRunnerReport(report, link),
      onLost: (attempts) => this.#held.onRunnerLost(attempts),
      log: this.#log,
    });
    this.#reporter = new Reporter({
      send: (body) => {
        const connection = this.#liveConnection();
        if (connection === undefined) return false;
        if (body.items.length === 0) connection.send("ask", this.#session?.demand ?? noDemand);
        else connection.send("report", body);
        return true;
      },
      demand: () => this.#session?.demand ?? noDemand,
      onAck: (item, result) => this.#held.onReportAck(item, result),
    });
    this.#logs = new LogSender({
      spoolFolder: folders.spool,
      send: (frame, written) => this.#liveConnection()?.sendData(frame, written) ?? false,
      onDrained: (attempt, bytes) => this.#held.onDrained(attempt, bytes),
      onComplete: (attempt, epoch) => this.#held.onLogComplete(attempt, epoch),
    });
    this.#supervisor = new Supervisor({
      server,
      identity,
      shortestLeaseMs: () => this.#held.shortestLeaseMs,
      onOpen: (connection) => this.#openSession(connection),
      onFrame: (frame) => this.#onFrame(frame),
      onLost: (reason, nextInMs) => {
        this.#session?.end();
        this.#session = undefined;
        this.#log("connection lost", { reason, nextInMs });
      },
      onFinal: (ending) => void this.#onFinal(ending),
    });
    const facts = readHostFacts(config.name, options.python);
    this.#host = readHostResources(config.dataDir, config.gpus);
    this.#about = {
      agent: identity.agent,
      version: agentVersion,
      protocol: protocolRange,
      host: {
        bootId: readBootId(),
        fingerprint: hostFingerprint(identity.agent),
        os: process.platform,
        arch: process.arch,
        kernel: facts.kernel,
        cpus: facts.cpus,
        memoryBytes: facts.memoryBytes,
        isolation: [...isolationLevels],
      },
      process: { nonce: randomUUID(), startedMs: Date.now() },
      labels: { facts: { ...facts.labels, [storeLabel]: this.#store.id }, self: { ...config.labels } },
      // Without an interpreter a Python task must wait for another agent, not fail on this one.
      resources: this.#host,
      allowData: [...policy.allowData],
      executors: executorKinds
        .filter((kind) => kind !== "python" || options.python !== undefined)
        .map((kind) => ({ kind, version: agentVersion })),
    };
  }

  async start(): Promise<this> {
    try {
      await this.#held.recover();
      const held = new Set<string>(this.#held.pairs.map(([attempt]) => attempt));
      removeForeignSpool(runnerFoldersOf(this.#options.config.dataDir).spool, held);
      this.#sweep();
      this.#sweepTimer = setInterval(() => this.#sweep(), sweepMs).unref();
      await this.#pool.fill();
    } catch (error) {
      this.#lock.close();
      throw error;
    }
    this.#supervisor.start();
    return this;
  }

  drain(): void {
    if (this.#state.isDraining) return;
    this.#state.isDraining = true;
    this.#log("draining", { running: this.#held.usage.count });
    this.#supervisor.connection?.send("drain", { mode: "finish", reason: "the agent was asked to end" });
    this.#reporter.tellDemand();
    const timer = setTimeout(() => this.stop(), this.#options.config.drainTimeoutMs);
    void this.#held.untilIdle().then(() => {
      clearTimeout(timer);
      return this.#finishOrderly();
    });
  }

  stop(): void {
    if (!this.#state.isDraining) this.drain();
    this.#held.stopAll("drain", this.#options.config.stopGraceMsMax);
  }

  leave(): void {
    this.#supervisor.connection?.send("bye", { keep: true, released: [] });
    this.#end(0, "keep");
  }

  #sweep(): void {
    const held = new Set<string>(this.#held.pairs.map(([attempt]) => attempt));
    try {
      const { dataDir } = this.#options.config;
      const { failed } = sweepAttemptFolders(runnerFoldersOf(dataDir).work, held, Date.now());
      for (const { path, reason } of failed) this.#log("an old work folder could not be removed", { path, reason });
      const runners = [...this.#pool.numbers];
      // A runner of an earlier version names the folders of its attempts for them.
      sweepMemory(dataDir, (name) => held.has(name) || isFolderOf(name, runners));
      const { keepMs = keepMsDefault } = this.#options.config;
      sweepLocalStore(this.#store, keepMs, Date.now(), (name) => held.has(name.slice(0, name.indexOf("."))));
    } catch (error) {
      this.#log("old work folders could not be removed", { error: String(error) });
    }
  }

  /** Waits a little for the last acknowledgements; the journal keeps what is still owed. */
  async #finishOrderly(): Promise<void> {
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, flushOnEndMs).unref());
    if (this.#session !== undefined) await Promise.race([this.#held.untilEmpty(), timeout]);
    this.#supervisor.connection?.send("bye", { keep: false, released: [] });
    this.#end(0, "leave");
  }

  #end(code: AgentExitCode, runners: "leave" | "keep"): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearInterval(this.#sweepTimer);
    this.#session?.end();
    this.#session = undefined;
    this.#supervisor.stop();
    this.#pool.close(runners);
    this.#journal.close();
    this.#lock.close();
    this.#resolveEnded(code);
  }

  async #onFinal(ending: Extract<Ending, { kind: "final" }>): Promise<void> {
    this.#session?.end();
    this.#session = undefined;
    this.#log(ending.reason, { exitCode: ending.exitCode });
    if (!ending.wipe) return this.#end(ending.exitCode, "keep");
    // Revoked: no grace, no keys, no logs left behind.
    await Promise.all(this.#held.pairs.map(([attempt, epoch]) => this.#held.abandon(attempt, epoch)));
    wipeIdentity(this.#options.config.dataDir);
    rmSync(runnerFoldersOf(this.#options.config.dataDir).spool, { recursive: true, force: true });
    this.#end(ending.exitCode, "leave");
  }

  #liveConnection(): Connection | undefined {
    return this.#session?.isLive === true ? this.#supervisor.connection : undefined;
  }

  #openSession(connection: Connection): void {
    this.#session?.end();
    this.#session = new Session(connection, {
      dataDir: this.#options.config.dataDir,
      work: this.#sessionWork(),
      about: this.#about,
      nextConnectNo: () => {
        this.#journal.connect(this.#journal.connectNo + 1, this.#journal.incarnation);
        this.#journal.flush();
        return { connectNo: this.#journal.connectNo, incarnation: this.#journal.incarnation };
      },
      raiseConnectNo: (last) =>
        this.#journal.connect(Math.max(last, this.#journal.connectNo), this.#journal.incarnation),
      onWelcome: (welcome) => {
        this.#journal.connect(this.#journal.connectNo, welcome.incarnation);
        this.#log("session opened", { session: welcome.session, verdicts: welcome.verdicts.length });
        if (!this.#isReadyTold) this.#options.onReady?.(welcome);
        this.#isReadyTold = true;
      },
      onDead: (reason, afterMs) => this.#supervisor.reconnect(reason, afterMs),
      log: this.#log,
    });
  }

  #sessionWork(): SessionWork {
    return {
      admit: (offer, moment) =>
        admit(offer, { ...moment, isStopping: this.#state.isDraining, isolation: isolationLevels }),
      inventory: () => this.#held.inventory,
      pairs: () => this.#held.pairs,
      shortestLeaseMs: () => this.#held.shortestLeaseMs,
      has: (attempt, epoch) => this.#held.has(attempt, epoch),
      take: (offers) => this.#held.take(offers),
      reject: (item) => this.#reporter.add(item),
      cancel: (cancel) => this.#held.cancel(cancel),
      abandon: (attempt, epoch) => this.#held.abandon(attempt, epoch),
      verdict: (verdict) => this.#held.verdict(verdict),
      renew: (base) => {
        for (const link of this.#pool.links) link.renew(base);
      },
      watch: (attempts) => {
        // Ids come from a frame whose schema has just checked them.
        for (const link of this.#pool.links)
          link.send({ t: "watch", attempts: attempts.filter((id) => link.attempts.has(id)) as never });
      },
      setLive: (isLive) => {
        this.#logs.setLive(isLive);
        if (isLive) this.#reporter.resendAll();
      },
      repeat: () => this.#reporter.resendAll(),
      setConfig: (config) => {
        if (config.logWindow !== undefined) this.#logs.setWindow(config.logWindow);
      },
      free: () =>
        freeSlots({
          slots: this.#options.config.slots,
          busy: this.#held.usage.slots,
          isDraining: this.#state.isDraining,
          isPaused: this.#pool.links.size === 0,
        }),
      left: () => this.#held.usage.leftOf(this.#host),
      slots: () => this.#options.config.slots,
      isStopping: () => this.#state.isDraining,
    };
  }

  #onFrame(frame: ControlFrame): void {
    switch (frame.t) {
      case "report.ack":
        this.#reporter.acknowledge(frame.b);
        return;
      case "log.ack":
        this.#logs.acknowledge(frame.b);
        return;
      case "log.nack":
        this.#logs.refuse(frame.b);
        return;
      case "drain":
        this.#supervisor.connection?.send("drain.ack", { running: this.#held.usage.count }, frame.id);
        if (frame.b.mode === "stop") this.stop();
        else this.drain();
        return;
      case "bye.ack":
        this.#supervisor.connection?.close(closeCodes.normal, "bye");
        return;
      default:
        this.#session?.onFrame(frame);
    }
  }
}

/** Spool of attempts that nobody holds: their end was acknowledged, or their agent's journal was lost. */
function removeForeignSpool(folder: string, held: ReadonlySet<string>): void {
  for (const name of readdirSync(folder)) {
    if (!held.has(name.slice(0, name.indexOf(".")))) rmSync(`${folder}/${name}`, { force: true });
  }
}
