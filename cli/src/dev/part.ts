// A part of the stack: a child process that says when it is ready and ends when its stdin does.
//  C1. Parts lead their own process groups, so a Ctrl-C on the terminal reaches `dev` alone and the stop stays in order.
//  C2. The write end of a part's stdin stays open for as long as `dev` lives: if `dev` is killed, the part sees the end and stops.
//  C3. What a part writes to stderr goes to its log file; stdout carries JSON lines for `dev`.
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { AppError, errorEntry, type ErrorCode } from "@capstan/proto";
import { z } from "zod";

export interface PartOptions {
  /** Name for messages and log file: `server`, `agent`, `console` … */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Written to stdin first; stdin stays open unless `closeStdin`. */
  readonly input?: string;
  readonly closeStdin?: boolean;
}

const lineSchema = z.record(z.string(), z.unknown());
export type PartLine = z.infer<typeof lineSchema>;

const isErrorCode = (code: string): code is ErrorCode => errorEntry(code) !== undefined;

export class Part {
  readonly name: string;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly #waiting: { accept: (line: PartLine) => boolean; done: (line: PartLine) => void }[] = [];
  readonly #kept: PartLine[] = [];
  #hasEnded = false;

  constructor(options: PartOptions) {
    this.name = options.name;
    this.#logFile = options.logFile;
    const log = openSync(options.logFile, "a", 0o600);
    this.#child = spawn(options.command, [...options.args], {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...options.env },
      detached: true,
      stdio: ["pipe", "pipe", log],
    });
    closeSync(log);
    this.ended = new Promise((done) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.#hasEnded = true;
        done({ code, signal });
      };
      this.#child.once("error", () => end(null, null));
      this.#child.once("exit", end);
    });
    this.#child.stdin?.on("error", () => {}); // a part that ends early closes its end; `ended` tells
    if (options.input !== undefined) this.#child.stdin?.write(options.input);
    if (options.closeStdin === true) this.#child.stdin?.end();
    if (this.#child.stdout !== null)
      createInterface({ input: this.#child.stdout }).on("line", (line) => this.#take(line));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  #take(text: string): void {
    let line: PartLine;
    try {
      line = lineSchema.parse(JSON.parse(text));
    } catch {
      return; // stdout of a part is for JSON objects; anything else has no reader
    }
    const at = this.#waiting.findIndex((waiter) => waiter.accept(line));
    const [waiter] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (waiter === undefined) this.#kept.push(line);
    else waiter.done(line);
  }

  /**
   * The first line that `accept` takes. Lines with `event: "failed"` end the waiting with their own code and words.
   * @throws part_failed when the part ends first or time runs out, with the end of its log
   */
  async line(accept: (line: PartLine) => boolean, timeoutMs: number): Promise<PartLine> {
    const wanted = (line: PartLine): boolean => line["event"] === "failed" || accept(line);
    const early = this.#kept.find(wanted);
    const found =
      early ??
      (await new Promise<PartLine | undefined>((done) => {
        const timer = setTimeout(() => done(undefined), timeoutMs);
        this.#waiting.push({ accept: wanted, done });
        // Lines may still be in the pipe when the exit is known: give them a turn of the loop.
        void this.ended.then(() => setTimeout(() => done(undefined), 50));
        void this.ended.then(() => clearTimeout(timer));
      }));
    if (found !== undefined && found["event"] !== "failed") return found;
    if (found !== undefined) {
      const code = typeof found["code"] === "string" && isErrorCode(found["code"]) ? found["code"] : "part_failed";
      throw new AppError(code, typeof found["detail"] === "string" ? found["detail"] : `${this.name} did not start`);
    }
    const how = this.#hasEnded ? "ended before it was ready" : `was not ready after ${timeoutMs / 1000} s`;
    throw new AppError("part_failed", `${this.name} ${how}; ${this.#logFile} ends with:\n${this.lastLines()}`);
  }

  /** Writes to stdin and closes it. */
  give(text: string): void {
    this.#child.stdin?.end(text);
  }

  lastLines(count = 5): string {
    try {
      return readFileSync(this.#logFile, "utf8").trim().split("\n").slice(-count).join("\n");
    } catch {
      return "";
    }
  }

  /** Asks the part to stop, with SIGTERM, and after `graceMs` kills its whole process group. */
  async stop(graceMs: number): Promise<void> {
    if (this.#hasEnded) return;
    this.#signal("SIGTERM", false);
    const timer = setTimeout(() => this.#signal("SIGKILL", true), graceMs);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    if (!this.#hasEnded) this.#signal("SIGKILL", true);
  }

  #signal(signal: NodeJS.Signals, isForGroup: boolean): void {
    const pid = this.#child.pid;
    if (pid === undefined) return;
    try {
      process.kill(isForGroup ? -pid : pid, signal);
    } catch {
      // It has just ended.
    }
  }
}
