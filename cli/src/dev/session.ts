// One session of `capstan dev`: lock, stack, workflows, first runs, and the wait for its end.
import { existsSync, rmSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AppError, failureText, isRunEnded, type RunView } from "@capstan/proto";
import type { Client } from "../api/client.ts";
import type { Environment } from "../config.ts";
import { exitCodes } from "../exit-code.ts";
import type { RunInputs } from "../inputs.ts";
import type { Output } from "../output/output.ts";
import { writeWorkflowSchema } from "../project/editor-schema.ts";
import { waitForRun } from "../run-watch.ts";
import { checkWriter, moveAside, prepareDataFolder, saveWriter } from "./data-folder.ts";
import { isOnPath, writeHello } from "./first-workflow.ts";
import type { Teller } from "./event.ts";
import { keyHelp, listenToKeys, openAddress } from "./keys.ts";
import { takeLock, type HeldLock } from "./lock.ts";
import { ownVersion } from "./package-path.ts";
import { readDevFile, type DevFile } from "./services.ts";
import { Stack } from "./stack.ts";
import { WorkflowFolder } from "./workflows.ts";

export interface SessionOptions {
  readonly cwd: string;
  readonly folder: string;
  /** True where the folder was named; only the usual one is made. */
  readonly isFolderNamed: boolean;
  readonly dataDir: string;
  readonly host: string;
  readonly port: number | undefined;
  readonly databaseUrl: string | undefined;
  readonly isEphemeral: boolean;
  readonly isFresh: boolean;
  readonly isEmpty: boolean;
  readonly isOnce: boolean;
  readonly withConsole: boolean;
  readonly withAgent: boolean;
  readonly withWatch: boolean;
  readonly agentLabels: string | undefined;
  readonly slots: number | undefined;
  readonly open: boolean;
  readonly environment: Environment;
  readonly teller: Teller;
  readonly out: Output;
  /** Keys are listened to where this is a terminal. */
  readonly isInteractive: boolean;
}

/** Both Ctrl-C on a terminal and a parent that forwards it reach us within moments: one wish, not two. */
const sameWishMs = 500;
/** The console leaves the processor to the first runs for as long as this. */
const consoleWaitMs = 1500;
/** How long a start waits for its first runs: with --once they are what was asked for, else the person waits for the link. */
const firstRunTimeoutMs = { once: 120_000, usual: 15_000 } as const;

const shown = (path: string, cwd: string): string => {
  const short = relative(cwd, path);
  return short === "" ? "." : short.startsWith("..") || isAbsolute(short) ? path : `./${short}`;
};

export class Session {
  readonly #options: SessionOptions;
  readonly #stack: Stack;
  #lock: HeldLock | undefined;
  #folder: WorkflowFolder | undefined;
  #lastRun: string | undefined;
  #endKeys: () => void = () => {};
  #askedAt: number | undefined;
  #isForced = false;
  #end: () => void = () => {};
  readonly #asked: Promise<void>;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#asked = new Promise((done) => {
      this.#end = done;
    });
    const devFile = existsSync(options.folder) ? readDevFile(options.folder) : undefined;
    this.#stack = new Stack({ ...options, devFile });
    this.#devRuns = devFile?.file.run;
    this.#devLimits = devFile?.file.limits ?? {};
  }

  readonly #devLimits: DevFile["limits"];
  readonly #devRuns: readonly string[] | undefined;

  /** Runs the session to its end and gives the exit code. */
  async run(): Promise<number> {
    const { teller, dataDir, isFresh, isEphemeral, cwd } = this.#options;
    if (isFresh) this.#moveAside();
    checkWriter(dataDir, ownVersion());
    prepareDataFolder(dataDir);
    this.#lock = takeLock(dataDir);
    if (this.#lock.stale !== undefined)
      teller.note(`the lock of pid ${this.#lock.stale.pid} is stale and was taken over`);
    const stopListening = this.#listenToSignals();
    let exitCode: number = exitCodes.failed;
    try {
      const database =
        this.#options.databaseUrl === undefined ? "PostgreSQL 18, starts and stops with you" : "your PostgreSQL";
      teller.started(ownVersion(), shown(dataDir, cwd), database);
      this.#tellAboutHost();
      exitCode = await this.#untilTheEnd();
    } finally {
      this.#endKeys();
      this.#folder?.close();
      await this.#stack.stop();
      stopListening();
      this.#lock.release();
      if (this.#isForced) exitCode = exitCodes.interrupted;
      if (isEphemeral) rmSync(dataDir, { recursive: true, force: true });
      teller.event({ event: "stopped", exitCode });
    }
    return exitCode;
  }

  #moveAside(): void {
    const { dataDir, teller, cwd } = this.#options;
    takeLockOnce(dataDir);
    const aside = moveAside(dataDir, new Date());
    if (aside !== undefined) teller.note(`the old data is kept in ${shown(aside, cwd)}`);
  }

  #tellAboutHost(): void {
    const { teller, environment, databaseUrl } = this.#options;
    if (process.getuid?.() === 0 && databaseUrl === undefined) teller.note("running as root: the database does not");
    if (!isOnPath("python3", environment.childEnv["PATH"] ?? ""))
      teller.note("no python3 here: Python tasks will wait (no_agent_matches)");
  }

  async #untilTheEnd(): Promise<number> {
    const work = this.#start();
    work.catch(() => {}); // looked at by the race; a stop may come first
    const first = await Promise.race([work, this.#asked.then(() => "asked" as const), this.#stack.broken]);
    if (first instanceof AppError) throw first;
    if (first === "asked") return 0;
    if (this.#options.isOnce) return first ? 0 : 1;
    const next = await Promise.race([this.#asked, this.#stack.broken]);
    if (next instanceof AppError) throw next;
    return 0;
  }

  /** Starts everything and runs the first workflows; true where they all succeeded. */
  async #start(): Promise<boolean> {
    const { teller, dataDir, withAgent, isOnce, open, withWatch } = this.#options;
    const client = await this.#stack.startServer();
    const agent = withAgent ? this.#stack.startAgent(client) : Promise.resolve();
    agent.catch(() => {}); // looked at below; the folder may fail first
    const folder = this.#prepareFolder(client);
    const { version, schema } = await client.call("version");
    saveWriter(dataDir, { version, schema });
    writeWorkflowSchema(dataDir);
    await agent;
    this.#lock?.publish(this.#stack.url);
    teller.event({ event: "ready", url: this.#stack.url, pid: process.pid, data: dataDir });
    await this.#makeLimits(client);
    await folder?.deployChanged();
    if (folder !== undefined) {
      teller.step({ name: "workflows", count: folder.names.length, detail: folder.names.join("  ") });
      if (withWatch && !isOnce) folder.watch();
    }
    const runs = withAgent ? this.#runFirst(client) : Promise.resolve(true);
    runs.catch(() => {}); // looked at below
    await Promise.race([runs, delay(consoleWaitMs, undefined, { ref: false })]);
    this.#stack.startConsole();
    const isGood = await runs;
    if (isOnce) return isGood;
    const link = await client.call("signInLink");
    teller.signIn(link.url);
    if (open && !(await openAddress(link.url))) teller.note("no browser can be opened from here; use the link");
    this.#listenToKeys(client);
    return isGood;
  }

  /** What the workflows take of has to be there before they are deployed. A person's change of it stays. */
  async #makeLimits(client: Client): Promise<void> {
    const wanted = Object.entries(this.#devLimits);
    if (wanted.length === 0) return;
    const known = new Set((await client.call("limitList")).data.map((limit) => limit.name));
    for (const [limit, body] of wanted)
      if (!known.has(limit)) await client.call("limitSet", { params: { limit }, body });
  }

  #prepareFolder(client: Client): WorkflowFolder | undefined {
    const { folder, isFolderNamed, isEmpty, cwd, teller, environment } = this.#options;
    if (!existsSync(folder)) {
      if (isFolderNamed) throw new AppError("file_unreadable", `the folder ${folder} does not exist`);
      if (isEmpty) return undefined;
      if (writeHello(folder, isOnPath("python3", environment.childEnv["PATH"] ?? "")))
        teller.note(`wrote ${shown(join(folder, "hello.yaml"), cwd)}`);
    }
    this.#folder = new WorkflowFolder({ client, folder, cwd, teller });
    return this.#folder;
  }

  /** The runs of a first start: those that `capstan.dev.json` names, else `hello`. */
  async #runFirst(client: Client): Promise<boolean> {
    const { isEmpty, isOnce } = this.#options;
    if (isEmpty) return true;
    if (!isOnce && (await client.call("runList", { query: { limit: 1 } })).data.length > 0) return true;
    const wanted = (this.#devRuns ?? ["hello"]).filter((name) => this.#folder?.names.includes(name) === true);
    let isGood = wanted.length > 0;
    for (const workflow of wanted) {
      const run = await this.#runOne(client, workflow, this.#stack.exports.inputs[workflow] ?? {});
      isGood &&= run?.state === "succeeded";
    }
    return isGood;
  }

  async #runOne(client: Client, workflow: string, inputs: RunInputs): Promise<RunView | undefined> {
    const begun = await client.call("runStart", { params: { workflow }, query: { wait: "10s" }, body: { inputs } });
    this.#lastRun = begun.name;
    const run = isRunEnded(begun.state) ? begun : await this.#waitFor(client, begun.name);
    const last = run ?? begun;
    const waiting = isRunEnded(last.state)
      ? undefined
      : await client.call("runExplain", { params: { run: last.name } });
    this.#options.teller.event({
      event: "run",
      run: last.name,
      workflow,
      state: last.state,
      durationMs: last.endedAt === null ? null : Date.parse(last.endedAt) - Date.parse(last.createdAt),
      url: client.page(`/runs/${last.name}`),
      ...(waiting === undefined ? {} : { detail: `${waiting.detail} capstan explain ${last.name}` }),
      ...(last.failure === null
        ? {}
        : { detail: `${last.failure.task === undefined ? "" : `${last.failure.task}: `}${failureText(last.failure)}` }),
    });
    return run;
  }

  #waitFor(client: Client, name: string): Promise<RunView | undefined> {
    return waitForRun(client, name, firstRunTimeoutMs[this.#options.isOnce ? "once" : "usual"]);
  }

  #listenToKeys(client: Client): void {
    if (!this.#options.isInteractive || !process.stdin.isTTY) return;
    const say = (line: string): void => this.#options.out.talk(line);
    say(`  ${keyHelp}`);
    this.#endKeys = listenToKeys(process.stdin, {
      say,
      quit: () => this.#ask(),
      workflows: () => this.#folder?.names ?? [],
      open: async () => {
        const { url } = await client.call("signInLink");
        if (!(await openAddress(url))) say(`  ${url}`);
      },
      run: async (workflow) => {
        await this.#runOne(client, workflow, this.#stack.exports.inputs[workflow] ?? {});
      },
      logs: async () => {
        const name = this.#lastRun ?? (await client.call("runList", { query: { limit: 1 } })).data[0]?.name;
        if (name === undefined) return say("  no run yet");
        const { data } = await client.call("runLogs", { params: { run: name }, query: { tail: 50 } });
        for (const line of data) say(`  ${line.task} | ${line.text}`);
      },
    });
  }

  #listenToSignals(): () => void {
    const onSignal = (): void => this.#ask();
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    for (const signal of signals) process.on(signal, onSignal);
    return () => {
      for (const signal of signals) process.off(signal, onSignal);
    };
  }

  /** The first wish: stop in order. A second one: now. */
  #ask(): void {
    const now = performance.now();
    if (this.#askedAt === undefined) {
      this.#askedAt = now;
      this.#end();
      return;
    }
    if (now - this.#askedAt < sameWishMs) return;
    this.#isForced = true;
    void this.#stack.stopNow().then(async () => {
      await delay(0);
      this.#lock?.release();
      process.exit(exitCodes.interrupted);
    });
  }
}

/** Refuses where a living process holds the data. */
function takeLockOnce(dataDir: string): void {
  if (existsSync(dataDir)) takeLock(dataDir).release();
}
