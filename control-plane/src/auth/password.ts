// Passwords of users of this installation: argon2id, on a thread of its own.
//  W1. Looking at a password takes the same time whether or not there is such a user.
//  W2. What waits is bounded: more tries than the thread can take are told to come again.
import { randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import { AppError } from "@capstan/proto";
import type { PasswordAnswer, PasswordOrder } from "./password-thread.ts";

const waitingMax = 16;

type Order = PasswordOrder extends infer O ? (O extends PasswordOrder ? Omit<O, "id"> : never) : never;

export class Passwords {
  private readonly waiting = new Map<number, (value: string | boolean | undefined) => void>();
  private worker: Worker | undefined;
  private nextId = 1;
  private nobody: Promise<string> | undefined;

  async hash(password: string): Promise<string> {
    const value = await this.ask({ do: "hash", password: password.normalize("NFKC"), salt: randomBytes(16) });
    if (typeof value !== "string") throw new Error("a password could not be hashed");
    return value;
  }

  /** True where the password is that of the hash. Without a hash it takes as long, and is false. */
  async matches(password: string, hash: string | undefined): Promise<boolean> {
    this.nobody ??= this.hash(randomBytes(32).toString("hex"));
    const nobody = await this.nobody;
    const same = await this.ask({ do: "verify", password: password.normalize("NFKC"), hash: hash ?? nobody });
    return same === true && hash !== undefined;
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
  }

  private ask(order: Order): Promise<string | boolean | undefined> {
    if (this.waiting.size >= waitingMax)
      throw new AppError("rate_limited", "Too many people sign in at this moment.", { retryAfterMs: 2_000 });
    this.worker ??= this.start();
    const id = this.nextId++;
    const answer = new Promise<string | boolean | undefined>((resolve) => this.waiting.set(id, resolve));
    this.worker.postMessage({ ...order, id });
    return answer;
  }

  private start(): Worker {
    const file = import.meta.url.endsWith(".ts") ? "./password-thread.ts" : "./password-thread.js";
    const worker = new Worker(new URL(file, import.meta.url));
    worker.unref();
    worker.on("message", ({ id, value }: PasswordAnswer) => {
      this.waiting.get(id)?.(value);
      this.waiting.delete(id);
    });
    // A thread that dies answers nobody; the next order starts another.
    const gone = (): void => {
      if (this.worker === worker) this.worker = undefined;
      for (const resolve of this.waiting.values()) resolve(undefined);
      this.waiting.clear();
    };
    worker.on("error", gone).on("exit", gone);
    return worker;
  }
}

/** @throws password_weak */
export function checkPassword(password: string, name: string): void {
  const weak = (why: string): AppError => new AppError("password_weak", `The password ${why}.`);
  const letters = [...password.normalize("NFKC")];
  if (letters.length < 12) throw weak("has fewer than 12 characters");
  if (letters.length > 256) throw weak("has more than 256 characters");
  if (new Set(letters).size < 5) throw weak("repeats the same few letters");
  if (name.length > 3 && password.toLowerCase().includes(name.toLowerCase())) throw weak("contains your name");
}
