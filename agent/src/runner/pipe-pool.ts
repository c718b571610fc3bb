// FIFOs for the output of tasks, used again and again: the small process that spawns opens them by name, so no
// descriptor has to travel, and unlike a socket a task can open `/dev/stderr`.
//  P1. A pair is used again only after both of its pipes were read to their end: then nobody holds a writing end.
//  P2. They lie in a folder of this runner alone, 0700.
import { execFile } from "node:child_process";
import { closeSync, constants, mkdirSync, openSync, rmSync, unlinkSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { promisify } from "node:util";

const pairsPerCall = 32;
const run = promisify(execFile);

export interface PipePair {
  readonly out: string;
  readonly err: string;
}

export interface OpenPipes {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Lets go of the writing ends that kept the pipes from ending before the task has its own. */
  readonly release: () => void;
}

export class PipePool {
  readonly #folder: string;
  readonly #free: PipePair[] = [];
  #made = 0;
  #making: Promise<void> | undefined;

  /** @param folder exists nowhere else; made anew here */
  constructor(folder: string) {
    this.#folder = folder;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o700 });
  }

  /** Rejects where the host has no `mkfifo`. */
  async take(): Promise<PipePair> {
    for (;;) {
      const pair = this.#free.pop();
      if (pair !== undefined) return pair;
      this.#making ??= this.#make().finally(() => {
        this.#making = undefined;
      });
      await this.#making;
    }
  }

  /** @param isDrained both pipes were read to their end */
  giveBack(pair: PipePair, isDrained: boolean): void {
    if (isDrained) {
      this.#free.push(pair);
      return;
    }
    for (const path of [pair.out, pair.err]) unlinkSync(path);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #make(): Promise<void> {
    const pairs = Array.from({ length: pairsPerCall }, () => {
      const path = `${this.#folder}/${this.#made++}`;
      return { out: `${path}.out`, err: `${path}.err` };
    });
    await run("mkfifo", ["-m", "600", ...pairs.flatMap(({ out, err }) => [out, err])]);
    this.#free.push(...pairs);
  }
}

/** Opens both ends; without a writer of our own a pipe that nobody has opened yet would be at its end at once. */
export function openPipes(pair: PipePair): OpenPipes {
  const readers: number[] = [];
  const writers: number[] = [];
  try {
    for (const path of [pair.out, pair.err]) {
      readers.push(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW));
      writers.push(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW));
    }
  } catch (error) {
    for (const fd of [...readers, ...writers]) closeSync(fd);
    throw error;
  }
  const [stdout, stderr] = readers.map((fd) => new Socket({ fd, readable: true, writable: false }));
  if (stdout === undefined || stderr === undefined) throw new Error("two pipes were opened"); // cannot be: there are two
  return {
    stdout,
    stderr,
    release: () => {
      for (const fd of writers.splice(0)) closeSync(fd);
    },
  };
}
