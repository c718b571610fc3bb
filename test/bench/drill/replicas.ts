// Several replicas of the control plane on one database, each its own process, which may be killed and come back.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { startPostgres, type RunningPostgres } from "../../../cli/src/dev/postgres.ts";
import { postgresSettings } from "../stack.ts";

const entry = fileURLToPath(new URL("../../../control-plane/dist/main.js", import.meta.url));

export interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export class Replicas {
  readonly database: pg.Pool;
  /** When each was killed, Unix ms. */
  readonly killedAtMs: number[] = [];
  private readonly folder: string;
  private readonly postgres: RunningPostgres;
  private readonly running: ({ readonly child: ChildProcess; readonly url: string } | undefined)[] = [];
  private token = "";

  private constructor(folder: string, postgres: RunningPostgres) {
    this.folder = folder;
    this.postgres = postgres;
    this.database = new pg.Pool({ connectionString: postgres.url, max: 2 });
    this.database.on("error", () => undefined);
  }

  static async start(count: number): Promise<Replicas> {
    const folder = mkdtempSync(join(tmpdir(), "capstan-drill-"));
    const postgres = await startPostgres({ dataDir: folder, settings: postgresSettings });
    const replicas = new Replicas(folder, postgres);
    mkdirSync(join(folder, "keys"), { mode: 0o700 });
    try {
      for (let i = 0; i < count; i++) await replicas.startOne(i);
      replicas.token = readFileSync(join(folder, "keys", "local"), "utf8").trim();
      return replicas;
    } catch (error) {
      await replicas.stop();
      throw error;
    }
  }

  get kills(): number {
    return this.killedAtMs.length;
  }

  /** Addresses of those that run now. */
  urls(): readonly string[] {
    return this.running.flatMap((one) => one?.url ?? []);
  }

  /** Kills one without a word and starts it again. */
  async kill(index: number): Promise<void> {
    const one = this.running[index];
    if (one === undefined) return;
    this.running[index] = undefined;
    this.killedAtMs.push(Date.now());
    const gone = new Promise((resolve) => one.child.once("exit", resolve));
    one.child.kill("SIGKILL");
    await gone;
    await this.startOne(index);
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
    url = this.urls()[0] ?? "",
  ): Promise<Answered> {
    const answer = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: JSON.parse(await answer.text()) as Answered["body"] }; // answers of ours are objects
  }

  async deploy(sources: readonly string[]): Promise<void> {
    for (let from = 0; from < sources.length; from += 20) {
      const documents = sources.slice(from, from + 20).map((source, i) => ({ file: `w${from + i}.yaml`, source }));
      const { status, body } = await this.call("POST", "/projects/default/deploys", { documents });
      if (status !== 200) throw new Error(`deploy: ${status} ${JSON.stringify(body).slice(0, 1000)}`);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.running.splice(0).map(async (one) => {
        if (one === undefined || one.child.exitCode !== null) return;
        const gone = new Promise((resolve) => one.child.once("exit", resolve));
        one.child.kill("SIGKILL");
        await gone;
      }),
    );
    await this.database.end();
    await this.postgres.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async startOne(index: number): Promise<void> {
    const child = spawn(process.execPath, [entry], {
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: process.env["HOME"] ?? "/",
        LANG: "C.UTF-8",
        CAPSTAN_DATABASE_URL: this.postgres.url,
        CAPSTAN_HTTP__PORT: "0",
        CAPSTAN_KEYS_DIR: join(this.folder, "keys"),
        CAPSTAN_DATA_DIR: this.folder,
        CAPSTAN_LOG_LEVEL: "error",
        NODE_ENV: "production",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4000)));
    const url = await new Promise<string>((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`a replica ended with ${code}: ${errors}`)));
      createInterface({ input: child.stdout }).once("line", (line) => {
        const { url } = JSON.parse(line) as { url?: string }; // our own process writes it
        if (url === undefined) reject(new Error(`a replica says ${line}`));
        else resolve(url);
      });
    });
    this.running[index] = { child, url };
  }
}

/** Kills one replica after the other, each so many seconds, until it is told to stop. */
export function killing(replicas: Replicas, everySecs: number, count: number): () => Promise<void> {
  let isOver = false;
  let wake = (): void => undefined;
  const work = (async () => {
    for (let at = 0; !isOver; at = (at + 1) % count) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, everySecs * 1000);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (!isOver) await replicas.kill(at);
    }
  })();
  return async () => {
    isOver = true;
    wake();
    await work;
  };
}
