// One interpreter that carries attempts one after another (docs/protocol.md, "Warm interpreters").
//  W1. It has a tree of its own; while it carries an attempt, that tree is the attempt's.
//  W2. From its answer to the next attempt it is stopped (SIGSTOP), so what an attempt left behind runs nothing.
//  W3. It carries another one only where nothing speaks against it; else its tree is killed and proven empty.
//  W4. Before the result of an attempt leaves it is stopped and alone. What else speaks against it may be looked at later.
import { randomBytes } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { Readable } from "node:stream";
import type { WarmStart } from "../execute/executor.ts";
import { LineWriter, readLines } from "./json-lines.ts";
import { OutputSlices } from "./output-slices.ts";
import type { ProcessEnd, RunningProcess, Spawner } from "./spawner.ts";
import { isOnlyProcess, killTree, makeTree, removeTree, type Tree } from "./tree.ts";

const attemptsMax = 100;
/** This many before the last one its successor is started, so that no attempt waits for that. */
const successorAhead = 20;
const ageMsMax = 10 * 60 * 1000;
const readyMs = 15_000;

export interface WarmWorkerOptions {
  readonly start: WarmStart;
  readonly name: string;
  readonly socketPath: string;
  readonly cgroupParent: string;
  readonly spawner: Spawner;
  /** Told to the process by its environment, so that an agent finds it when its runner is dead. */
  readonly mark: string;
}

interface Baseline {
  readonly descriptors: number;
  /** Resident, after the first attempt. */
  pages: number | undefined;
}

export class WarmWorker {
  readonly key: string;
  readonly tree: Tree;
  readonly #process: RunningProcess;
  readonly #socket: Socket;
  readonly #out: OutputSlices;
  readonly #err: OutputSlices;
  readonly #baseline: Baseline;
  readonly #startedMs = performance.now();
  #carried = 0;
  #answer: ((end: ProcessEnd) => void) | undefined;
  #isEnded = false;

  private constructor(key: string, tree: Tree, process: RunningProcess, socket: Socket) {
    this.key = key;
    this.tree = tree;
    this.#process = process;
    this.#socket = socket;
    this.#out = new OutputSlices(process.stdout);
    this.#err = new OutputSlices(process.stderr);
    this.#baseline = { descriptors: descriptorsOf(process.pid), pages: undefined };
    void process.exited.then((end) => {
      this.#isEnded = true;
      this.#answer?.(end);
    });
  }

  /** Starts an interpreter and waits until it is ready. @throws where it is not, with nothing left of it */
  static async start(options: WarmWorkerOptions): Promise<WarmWorker> {
    const { start, name, socketPath, cgroupParent, spawner, mark } = options;
    const tree = makeTree(cgroupParent, name);
    const connected = Promise.withResolvers<Socket>();
    const server = createServer((peer) => connected.resolve(peer));
    try {
      rmSync(socketPath, { force: true });
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(socketPath, resolve);
      });
      chmodSync(socketPath, 0o600);
      const spawned = await spawner.spawn({
        prepared: {
          kind: "process",
          argv: [...start.argv, socketPath],
          env: { ...start.env, CAPSTAN_WARM: mark },
          cwd: "/",
          collect: () => Promise.reject(new Error("a warm interpreter has no outputs")),
        },
        tree,
        cgroupParent,
        epoch: 0,
        isLasting: true,
      });
      if (spawned.kind === "failed") throw new Error(spawned.message);
      const { process } = spawned;
      const socket = await readySocket(connected.promise, process);
      const worker = new WarmWorker(start.key, tree, process, socket);
      readLines(socket, (line) => worker.#onAnswer(line));
      return worker;
    } catch (error) {
      await killTree(tree);
      removeTree(tree);
      throw error;
    } finally {
      closeServer(server, socketPath);
    }
  }

  /** Begins an attempt. `exited` resolves with the interpreter's word, or with its end. */
  carry(order: object, env: Readonly<Record<string, string>>, cwd: string): RunningProcess {
    this.#carried += 1;
    const token = randomBytes(16).toString("hex");
    const [begin, end] = [`\0capstan ${token} begin\0`, `\0capstan ${token} end\0`];
    const stdout = this.#out.next(begin, end);
    const stderr = this.#err.next(begin, end);
    const exited = Promise.withResolvers<ProcessEnd>();
    this.#answer = exited.resolve;
    if (this.#isEnded) void this.#process.exited.then(exited.resolve);
    this.#signal("SIGCONT");
    const lines = new LineWriter(this.#socket);
    lines.send({ ...order, begin, end, env, cwd });
    lines.flush();
    return {
      pid: this.#process.pid,
      stdout,
      stderr,
      exited: exited.promise,
      closed: Promise.all([closed(stdout), closed(stderr)]).then(() => undefined),
    };
  }

  /** Stops it: the attempt has given its answer, and what it left behind may run nothing. */
  freeze(): void {
    this.#answer = undefined;
    this.#signal("SIGSTOP");
  }

  /** True where nothing but the interpreter lives in its tree. @param tree its own, with the mark of the attempt */
  isAlone(tree: Tree): boolean {
    return isOnlyProcess(tree, this.#process.pid);
  }

  /** True where the next one should be started. */
  get isNearItsEnd(): boolean {
    return this.#carried >= attemptsMax - successorAhead;
  }

  /** Whether it may carry another attempt. It must be frozen and alone. */
  mayGoOn(): boolean {
    if (this.#isEnded || !this.#out.isIdle || !this.#err.isIdle) return false;
    if (this.#carried >= attemptsMax || performance.now() - this.#startedMs > ageMsMax) return false;
    const pages = residentPagesOf(this.#process.pid);
    this.#baseline.pages ??= pages;
    return descriptorsOf(this.#process.pid) <= this.#baseline.descriptors && pages < 2 * this.#baseline.pages;
  }

  get isAlive(): boolean {
    return !this.#isEnded;
  }

  /** Kills it with all it has started; resolves when nothing of it is left. */
  async end(): Promise<number> {
    const left = await killTree(this.tree);
    this.#socket.destroy();
    removeTree(this.tree);
    return left;
  }

  #onAnswer(line: string): void {
    const { code } = JSON.parse(line) as { code?: unknown }; // our own program's, or a task's that found its socket
    this.#answer?.({ code: typeof code === "number" ? code : 70, signal: null });
  }

  #signal(signal: "SIGSTOP" | "SIGCONT"): void {
    try {
      process.kill(this.#process.pid, signal);
    } catch {
      // It has ended, and `exited` tells.
    }
  }
}

async function readySocket(connected: Promise<Socket>, process: RunningProcess): Promise<Socket> {
  const timer = Promise.withResolvers<never>();
  const timeout = setTimeout(() => timer.reject(new Error("the interpreter did not become ready")), readyMs);
  const died = process.exited.then(({ code, signal }) => {
    throw new Error(`the interpreter ended with ${signal ?? code}`);
  });
  died.catch(() => undefined); // later its worker hears of it
  try {
    const socket = await Promise.race([connected, died, timer.promise]);
    socket.on("error", () => socket.destroy());
    const greeted = new Promise<void>((resolve) => socket.once("data", () => resolve()));
    await Promise.race([greeted, died, timer.promise]);
    return socket;
  } finally {
    clearTimeout(timeout);
  }
}

function closeServer(server: Server, socketPath: string): void {
  server.close();
  rmSync(socketPath, { force: true });
}

const closed = (pipe: Readable): Promise<void> => new Promise((resolve) => pipe.once("close", () => resolve()));

function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return Infinity;
  }
}

function residentPagesOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]);
  } catch {
    return Infinity;
  }
}
