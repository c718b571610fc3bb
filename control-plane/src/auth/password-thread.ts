// A thread for passwords alone: argon2id takes tens of milliseconds on purpose, which no other request should wait for.
import { parentPort } from "node:worker_threads";
import { argon2id, argon2Verify } from "hash-wasm";

/** OWASP's first choice for argon2id, in KiB: about as long as a person does not notice. */
const cost = { memorySize: 19_456, iterations: 2, parallelism: 1, hashLength: 32 } as const;

export type PasswordOrder =
  | { readonly id: number; readonly do: "hash"; readonly password: string; readonly salt: Uint8Array }
  | { readonly id: number; readonly do: "verify"; readonly password: string; readonly hash: string };
export interface PasswordAnswer {
  readonly id: number;
  /** The hash, or whether it is the password's; undefined where it could not be told. */
  readonly value: string | boolean | undefined;
}

async function answer(order: PasswordOrder): Promise<string | boolean> {
  return order.do === "hash"
    ? argon2id({ ...cost, password: order.password, salt: order.salt, outputType: "encoded" })
    : argon2Verify({ password: order.password, hash: order.hash });
}

// One after another: each takes its 19 MiB.
let last: Promise<unknown> = Promise.resolve();
parentPort?.on("message", (order: PasswordOrder) => {
  last = last.then(async () => {
    const value = await answer(order).catch(() => undefined);
    parentPort?.postMessage({ id: order.id, value } satisfies PasswordAnswer);
  });
});
