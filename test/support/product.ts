// The whole product, started as a user starts it, for tests from outside.
//  U1. A folder, a data folder and a port of its own for each; nothing of the machine's owner is read or written.
//  U2. `stop` is a user's Ctrl-C; whatever lives after it is a finding, not something to clean up in silence.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { RunView, TaskRunView } from "@capstan/proto";
import { processesOf, type FoundProcess } from "./process-scan.ts";
import { root } from "./sources.ts";
import { until } from "./until.ts";

export const node24 = process.execPath;
const cli = join(root, "cli/bin/capstan.js");

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProductOptions {
  /** Files of the folder of workflows, by path: `workflows/slow.yaml`. Absent: the repository's examples. */
  readonly files?: Readonly<Record<string, string>>;
  /** Further flags of `capstan dev`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** True: by `scripts/start.js`, as `npm start` does. Default: `capstan dev`. */
  readonly byNpmStart?: boolean;
}

const cleanEnvironment = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && !/^(CAPSTAN_|VITEST|NODE_OPTIONS$|npm_)/.test(entry[0]),
    ),
  );

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Runs a command to its end; `timeoutMs` kills it and throws. */
export async function runToEnd(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Readonly<Record<string, string>>; timeoutMs?: number; input?: string } = {},
): Promise<Finished> {
  const child = spawn(command, [...args], {
    cwd: options.cwd ?? root,
    env: { ...cleanEnvironment(), NO_COLOR: "1", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(options.input ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const timeoutMs = options.timeoutMs ?? 60_000;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  const code = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve(status ?? -1));
  });
  clearTimeout(timer);
  if (late) throw new Error(`${args.join(" ")}: still running after ${timeoutMs / 1000} s\n${stdout}\n${stderr}`);
  return { code, stdout, stderr };
}

/** The first free folder name is made; files are written below it. */
export async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "capstan-e2e-"));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

export class Product {
  readonly folder: string;
  readonly data: string;
  readonly port: number;
  readonly #options: ProductOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<number> = Promise.resolve(0);
  #talk = "";
  /** Every line that `-o jsonl` printed since the last start. */
  events: Record<string, unknown>[] = [];

  constructor(folder: string, port: number, options: ProductOptions) {
    this.folder = folder;
    this.data = join(folder, ".capstan");
    this.port = port;
    this.#options = options;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What the product said to people so far, for messages of failed tests. */
  get talk(): string {
    return this.#talk;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it, or starts it again on the same data, and waits for the line `ready`. */
  async start(): Promise<void> {
    const flags = ["-o", "jsonl", "--data", this.data, "--port", String(this.port), ...(this.#options.args ?? [])];
    const args = this.#options.byNpmStart
      ? [join(root, "scripts/start.js"), ...flags]
      : [cli, "dev", this.#options.files ? this.folder : join(root, "examples"), ...flags];
    this.events = [];
    const child = spawn(node24, args, {
      cwd: this.#options.byNpmStart ? root : this.folder,
      env: { ...cleanEnvironment(), CI: "1", ...this.#options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#ended = new Promise((resolve) => child.on("close", (code) => resolve(code ?? -1)));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#talk += text));
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.#talk += `${line}\n`;
      // dev prints one JSON object a line; a line that is none fails the test that reads `events`
      this.events.push(
        line.startsWith("{") ? (JSON.parse(line) as Record<string, unknown>) : { event: "no JSON", line },
      );
    });
    let code: number | undefined;
    void this.#ended.then((ended) => (code = ended));
    await until("the product is ready", 120_000, () => {
      if (code !== undefined) return code;
      return this.events.find((line) => line["event"] === "ready");
    });
    if (code !== undefined) throw new Error(`the product ended with ${code} before it was ready\n${this.#talk}`);
  }

  /** Ctrl-C, and the exit code. */
  async stop(timeoutMs = 30_000): Promise<number> {
    const child = this.#child;
    if (child === undefined) return 0;
    child.kill("SIGINT");
    let code: number | undefined;
    void this.#ended.then((ended) => (code = ended));
    return until("the product has stopped", timeoutMs, () => code);
  }

  /** Exit code, once it has ended by itself. */
  ended(): Promise<number> {
    return this.#ended;
  }

  /** Ends everything that is left, by id, and removes the folder. Returns what was left alive. */
  async remove(): Promise<readonly FoundProcess[]> {
    if (this.#child?.exitCode === null) await this.stop().catch(() => undefined);
    const left = processesOf(this.folder);
    for (const { pid } of left) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // it ended by itself meanwhile
      }
    }
    await until("everything has ended", 10_000, () => (processesOf(this.folder).length === 0 ? true : undefined));
    await rm(this.folder, { recursive: true, force: true });
    return left;
  }

  /** A command of the CLI against this product. */
  cli(args: readonly string[], options: { timeoutMs?: number; cwd?: string } = {}): Promise<Finished> {
    return runToEnd(node24, [cli, ...args, "--data", this.data], {
      cwd: options.cwd ?? this.folder,
      timeoutMs: options.timeoutMs ?? 60_000,
      ...(this.#options.env ? { env: this.#options.env } : {}),
    });
  }

  /** GET of the API as the local administrator; throws on any answer that is not 2xx. */
  async get<T>(path: string): Promise<T> {
    const token = (await readFile(join(this.data, "keys/local"), "utf8")).trim();
    const response = await fetch(`${this.url}/api/v1/projects/default${path}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T; // the caller names the shape of the route
  }

  run(name: string): Promise<RunView> {
    return this.get<RunView>(`/runs/${name}`);
  }

  /** All task runs of a run, hooks included. */
  async tasks(run: string): Promise<readonly TaskRunView[]> {
    return (await this.get<{ data: TaskRunView[] }>(`/runs/${run}/tasks`)).data;
  }

  async task(run: string, task: string): Promise<TaskRunView> {
    const found = (await this.tasks(run)).find((one) => one.task === task);
    if (!found) throw new Error(`${run} has no task ${task}`);
    return found;
  }

  /** Waits until the run has ended and its hooks too; what the run ended as is for the test to say. */
  async finished(name: string, timeoutMs = 60_000): Promise<RunView> {
    return until(`${name} has ended`, timeoutMs, async () => {
      const run = await this.run(name);
      const hooks = (await this.tasks(name)).filter((one) => one.hook);
      return run.endedAt !== null && hooks.every((hook) => hook.endedAt !== null) ? run : undefined;
    });
  }

  /** Processes of this product whose command matches. */
  processes(pattern: RegExp = /./): readonly FoundProcess[] {
    return processesOf(this.folder).filter((one) => pattern.test(one.command));
  }
}

/** Starts the product in a folder of its own. */
export async function startProduct(options: ProductOptions = {}): Promise<Product> {
  const product = new Product(await folderWith(options.files ?? {}), await freePort(), options);
  try {
    await product.start();
  } catch (error) {
    await product.remove();
    throw error;
  }
  return product;
}
