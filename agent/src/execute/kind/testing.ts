// For tests of executors: a context with real folders, a store in a folder, and a runner reduced to one spawn.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError, idFromUuid, uuidV7, type CanonicalTask, type JsonObject } from "@capstan/proto";
import type { ExecutorContext, Finished, Prepared, ProcessExit } from "../executor.ts";

export interface Bench {
  readonly folder: string;
  /** A context of a new attempt. */
  context(task: Omit<CanonicalTask, "needs">, more?: BenchOptions): ExecutorContext;
  readonly masked: string[];
  readonly notes: string[];
  end(): void;
}

export interface BenchOptions {
  readonly inputs?: JsonObject;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly bundle?: ExecutorContext["bundle"];
  readonly signal?: AbortSignal;
}

export function openBench(): Bench {
  const folder = mkdtempSync(join(tmpdir(), "capstan-kind-"));
  const store = join(folder, "store");
  mkdirSync(store);
  const masked: string[] = [];
  const notes: string[] = [];
  return {
    folder,
    masked,
    notes,
    context(task, more = {}) {
      const uuid = uuidV7(Date.now(), randomBytes(10));
      const attemptDir = join(folder, uuid);
      mkdirSync(join(attemptDir, "work"), { recursive: true, mode: 0o700 });
      const whole: CanonicalTask = { needs: [], ...task };
      return {
        attempt: {
          seq: 1,
          attempt: idFromUuid("att", uuid),
          epoch: 1,
          taskRun: idFromUuid("tr", uuid),
          run: idFromUuid("run", uuid),
          runName: "sample-1",
          project: "default",
          task: "it",
          index: 0,
          number: 1,
          specDigest: `sha256:${"0".repeat(64)}`,
          inputs: more.inputs ?? {},
          leaseMs: 300_000,
          onLeaseEnd: "stop",
          graceMs: 10_000,
          isolation: "L0",
          secrets: Object.keys(more.secrets ?? {}),
          traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        },
        document: {
          version: 1,
          name: "sample",
          tasks: { it: whole },
          ...(more.secrets === undefined ? {} : { secrets: more.secrets }),
        },
        task: whole,
        bundle: more.bundle,
        attemptDir,
        spaceDir: attemptDir,
        cacheDir: join(folder, "cache"),
        files: {
          download: async ({ sha256 }) => {
            const path = join(store, sha256);
            copyFileSync(path, `${path}.out`);
            return `${path}.out`;
          },
          upload: async ({ path, sha256 }) => copyFileSync(path, join(store, sha256)),
        },
        mask: (values) => masked.push(...values.map(String)),
        note: (text) => notes.push(text),
        signal: more.signal ?? new AbortController().signal,
      };
    },
    end: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export interface Ran {
  readonly finished: Finished;
  readonly output: string;
}

/** Runs what was prepared to its end. @throws AppError where the preparation failed */
export async function runPrepared(prepared: Prepared): Promise<Ran> {
  if (prepared.kind === "failed")
    throw new AppError("setup_failed", `${prepared.failure.code}: ${prepared.failure.message}`);
  let output = "";
  if (prepared.kind === "inProcess") {
    const finished = await prepared.run(new AbortController().signal, (text) => (output += text));
    return { finished, output };
  }
  const [program, ...args] = prepared.argv;
  const exit = await new Promise<ProcessExit>((resolve, reject) => {
    const child = spawn(program, args, { env: prepared.env, cwd: prepared.cwd, stdio: ["pipe", "pipe", "pipe"] });
    child.stdin.on("error", () => undefined); // it need not be read
    child.stdin.end(prepared.stdin);
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code, signal) =>
      resolve({ exitCode: code ?? undefined, signal: signal ?? undefined, oom: false, stopped: undefined }),
    );
  });
  return { finished: await prepared.collect(exit), output };
}
