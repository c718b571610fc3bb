// What the end of a task's program means: exit code first, then the files that go with it (docs/language.md, "The file
// protocol of a task").
import { z } from "zod";
import { messageBytesMax } from "@capstan/proto";
import { exchange, type AttemptFolder } from "../../workspace/directory.ts";
import { readBeneath } from "../../workspace/open-beneath.ts";
import type { ExecutorContext, Finished, ProcessExit } from "../executor.ts";
import { collectOutputs } from "./collect-outputs.ts";
import { cutText, failed, failure } from "./failure.ts";

const summaryBytesMax = 256 * 1024;
const summaryReadBytesMax = 1024 * 1024;
const errorBytesMax = 64 * 1024;
/** EX_TEMPFAIL: retry me. */
const exitRetry = 75;
const exitSkip = 77;

const errorFileSchema = z.object({
  type: z.string().max(256).optional(),
  message: z.string().optional(),
  file: z.string().max(1024).optional(),
  line: z.int().min(0).optional(),
  retryable: z.boolean().optional(),
  retryAfterMs: z
    .int()
    .min(0)
    .max(7 * 24 * 3600 * 1000)
    .optional(),
});
type ErrorFile = z.infer<typeof errorFileSchema>;

/** The task's own word about its failure; what cannot be used is as if it were not there. */
function readErrorFile(folder: AttemptFolder): ErrorFile {
  const file = readBeneath(folder.root, exchange.error, errorBytesMax);
  if (file.kind === "refused") return {};
  const text = file.bytes.toString("utf8").trim();
  try {
    return errorFileSchema.safeParse(JSON.parse(text)).data ?? {};
  } catch {
    // A shell script says what went wrong in plain words; JSON is for those who have more to say.
    return text === "" || text.startsWith("{") ? {} : { message: text };
  }
}

function summaryOf(folder: AttemptFolder): { readonly summary?: string } {
  const file = readBeneath(folder.root, exchange.summary, summaryReadBytesMax);
  return file.kind === "read" && file.bytes.length > 0
    ? { summary: cutText(file.bytes.toString("utf8"), summaryBytesMax) }
    : {};
}

const signalNames: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
};

/** Reads outputs, error and summary of a program that has ended with its whole tree. Throws only what an upload throws. */
export async function finishProcess(
  exit: ProcessExit,
  context: ExecutorContext,
  folder: AttemptFolder,
): Promise<Finished> {
  const summary = summaryOf(folder);
  const ended = {
    ...(exit.exitCode === undefined ? {} : { exitCode: exit.exitCode }),
    ...(exit.signal === undefined ? {} : { signal: exit.signal }),
  };
  if (exit.stopped === undefined && exit.exitCode === 0) {
    const collected = await collectOutputs(context, folder);
    return collected.kind === "outputs"
      ? { outcome: "succeeded", outputs: collected.outputs, ...summary, ...ended }
      : { ...failed(collected.failure, ended), ...summary };
  }
  if (exit.stopped === undefined && exit.exitCode === exitSkip)
    return { outcome: "succeeded", skip: true, ...summary, ...ended };
  return { ...failureOf(exit, readErrorFile(folder), ended), ...summary };
}

function failureOf(exit: ProcessExit, said: ErrorFile, ended: Pick<Finished, "exitCode" | "signal">): Finished {
  if (exit.oom) return failed(failure("oom", "oom", "the memory limit was met and a process was killed", ended), ended);
  const code = exit.exitCode;
  const signal = exit.signal ?? (code !== undefined && code > 128 ? signalNames[code - 128] : undefined);
  const word = {
    ...(said.retryable === undefined ? (code === exitRetry ? { retryable: true } : {}) : { retryable: said.retryable }),
    ...(said.retryAfterMs === undefined ? {} : { retryAfterMs: said.retryAfterMs }),
  };
  const where = {
    ...(said.type === undefined ? {} : { type: said.type }),
    ...(said.file === undefined ? {} : { file: said.file }),
    ...(said.line === undefined ? {} : { line: said.line }),
  };
  if (said.message !== undefined || said.type !== undefined) {
    const message = cutText(said.message ?? said.type ?? "", messageBytesMax);
    const known = said.type === undefined ? "exit" : "exception";
    return failed(failure("error", known, message, { ...ended, ...where }), { ...ended, ...word });
  }
  if (signal !== undefined) {
    return failed(failure("error", "signal", `the program was ended by ${signal}`, { ...ended, signal }), {
      ...ended,
      ...word,
    });
  }
  const hint =
    code === 127
      ? " (a command was not found)"
      : code === 126
        ? " (a command could not be executed)"
        : code === exitRetry
          ? " (it asks for another try)"
          : "";
  return failed(failure("error", "exit", `the program ended with exit code ${code}${hint}`, ended), {
    ...ended,
    ...word,
  });
}
