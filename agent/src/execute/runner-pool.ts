// The runners of this agent: adopted from an earlier agent, or started; kept at their number; buried when they die.
//  P1. Adoption comes before any hello, and so does the sweep of trees whose runner is dead.
//  P2. A runner that dies takes its attempts with it: their trees are killed before anybody is told.
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, unlinkSync } from "node:fs";
import { runnerRecordSchema, type RunnerAttempt, type RunnerRecord, type RunnerReport } from "@capstan/proto";
import { readBootId, warmMark } from "../runner/process-identity.ts";
import { runnerFolder, runnerFoldersOf, runnerRecordPath } from "../runner/runner-paths.ts";
import { killAllBelow, killMarked, killTree } from "../runner/tree.ts";
import { removeFoldersOf } from "../runner/attempt-folders.ts";
import { isRunnerAlive, killRunner, RunnerLink } from "./runner-link.ts";

export interface RunnerPoolOptions {
  readonly dataDir: string;
  readonly size: number;
  /** The module a runner process runs. */
  readonly entry: URL;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onReport: (report: RunnerReport, link: RunnerLink) => void;
  /** The runner is dead and every tree of these attempts is gone. */
  readonly onLost: (attempts: readonly string[]) => void;
  readonly log: (text: string, detail?: object) => void;
}

const startMs = 15_000;

export class RunnerPool {
  readonly #options: RunnerPoolOptions;
  readonly #links = new Set<RunnerLink>();
  readonly #numbers = new Set<number>();
  #nextNumber = 1;
  #isClosed = false;

  constructor(options: RunnerPoolOptions) {
    this.#options = options;
    for (const folder of [runnerFolder(options.dataDir), ...Object.values(runnerFoldersOf(options.dataDir))]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
  }

  get links(): ReadonlySet<RunnerLink> {
    return this.#links;
  }

  /** Of all runners that live or are being started. */
  get numbers(): ReadonlySet<number> {
    return this.#numbers;
  }

  /** Finds the runners of an earlier agent on this folder; buries those that are dead or mute. */
  async adopt(): Promise<readonly { readonly link: RunnerLink; readonly attempts: readonly RunnerAttempt[] }[]> {
    const { dataDir, onReport } = this.#options;
    const adopted: { link: RunnerLink; attempts: readonly RunnerAttempt[] }[] = [];
    const bootId = readBootId();
    for (const name of readdirSync(runnerFolder(dataDir))) {
      const number = /^(\d+)\.json$/.exec(name)?.[1];
      if (number === undefined) continue;
      this.#nextNumber = Math.max(this.#nextNumber, Number(number) + 1);
      const record = readRecord(runnerRecordPath(dataDir, Number(number)));
      if (record === undefined) continue;
      if (record.bootId === bootId && isRunnerAlive(record)) {
        try {
          const handlers = { onReport, onGone: (link: RunnerLink) => void this.#bury(link) };
          const { link, state } = await RunnerLink.open(record, Number(number), handlers);
          this.#links.add(link);
          this.#numbers.add(link.number);
          adopted.push({ link, attempts: state.attempts });
          continue;
        } catch (error) {
          this.#options.log("a runner is mute and is killed with its tasks", { pid: record.pid, error: String(error) });
        }
      }
      if (record.bootId === bootId) {
        killRunner(record);
        await killAllBelow(record.cgroup);
        await killMarked(`CAPSTAN_WARM=${warmMark(record)}`);
      }
      this.#forget(Number(number));
    }
    return adopted;
  }

  /** Starts runners until there are as many as configured. */
  async fill(): Promise<void> {
    const missing = this.#options.size - this.#links.size;
    await Promise.all(Array.from({ length: Math.max(0, missing) }, () => this.#startOne()));
  }

  /** The runner with the fewest attempts; undefined while none lives. */
  leastLoaded(): RunnerLink | undefined {
    let best: RunnerLink | undefined;
    for (const link of this.#links) if (best === undefined || link.attempts.size < best.attempts.size) best = link;
    return best;
  }

  /** Ends empty runners (`leave`), or leaves all of them alone for the next agent. */
  close(mode: "leave" | "keep"): void {
    this.#isClosed = true;
    for (const link of this.#links) {
      if (mode === "leave") link.send({ t: "leave" });
      link.disconnect();
    }
    this.#links.clear();
  }

  async #startOne(): Promise<void> {
    const { dataDir, entry, env } = this.#options;
    const number = this.#nextNumber++;
    this.#numbers.add(number);
    const log = openSync(`${runnerFolder(dataDir)}/${number}.log`, "a", 0o600);
    // From source, Node needs to be told where workspace packages have theirs.
    const conditions = entry.pathname.endsWith(".ts") ? ["--conditions=capstan-source"] : [];
    const child = spawn(process.execPath, [...conditions, entry.pathname, dataDir, String(number)], {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: "/",
      env: { ...env },
    });
    closeSync(log);
    const died = new Promise<never>((_, reject) => {
      child.once("error", reject);
      child.once("exit", (code) =>
        reject(new Error(`runner ${number} ended with ${code}; see ${runnerFolder(dataDir)}/${number}.log`)),
      );
    });
    child.unref();
    const until = performance.now() + startMs;
    const opened = (async () => {
      for (;;) {
        const record = readRecord(runnerRecordPath(dataDir, number));
        if (record !== undefined && record.pid === child.pid) {
          const handlers = { onReport: this.#options.onReport, onGone: (link: RunnerLink) => void this.#bury(link) };
          return (await RunnerLink.open(record, number, handlers)).link;
        }
        if (performance.now() > until) throw new Error(`runner ${number} did not start within ${startMs} ms`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const link = await Promise.race([opened, died]);
    died.catch(() => undefined); // from now on its socket tells
    this.#links.add(link);
    link.begin();
  }

  async #bury(link: RunnerLink): Promise<void> {
    if (!this.#links.delete(link)) return;
    const attempts = [...link.attempts];
    this.#options.log("a runner ended", { pid: link.record.pid, attempts: attempts.length });
    killRunner(link.record);
    await killAllBelow(link.record.cgroup);
    await killMarked(`CAPSTAN_WARM=${warmMark(link.record)}`);
    await Promise.all(attempts.map((attempt) => killTree({ cgroup: "", attempt })));
    this.#forget(link.number);
    this.#options.onLost(attempts);
    if (this.#isClosed) return;
    try {
      await this.fill();
    } catch (error) {
      this.#options.log("a runner could not be started", { error: String(error) });
    }
  }

  #forget(number: number): void {
    this.#numbers.delete(number);
    const { dataDir } = this.#options;
    rmSync(`${runnerFolder(dataDir)}/${number}.pipes`, { recursive: true, force: true });
    removeFoldersOf(dataDir, runnerFoldersOf(dataDir).work, number);
    for (const path of [
      runnerRecordPath(this.#options.dataDir, number),
      `${runnerFolder(this.#options.dataDir)}/${number}.log`,
    ]) {
      try {
        unlinkSync(path);
      } catch {
        // It was not there.
      }
    }
  }
}

function readRecord(path: string): RunnerRecord | undefined {
  try {
    const parsed = runnerRecordSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
