// Failure classes: what went wrong, by whose word, and who pays for another try.

/** Who pays for a retry: the author's `retry.attempts`, `retry.lost`, nobody, or there is none. */
export type Payer = "attempts" | "lost" | "free" | "none";

export const failureClasses = {
  error: { payer: "attempts", meaning: "exit code, exception, signal, HTTP status or SQL error" },
  timeout: { payer: "attempts", meaning: "the task's timeout passed" },
  oom: { payer: "attempts", meaning: "the memory limit was met, by the word of the cgroup or the engine" },
  setup: { payer: "free", meaning: "something failed before user code ran; tried five times, elsewhere first" },
  lost: {
    payer: "lost",
    meaning: "the lease ended, the host restarted, or the agent was revoked or did not hold the attempt",
  },
  runner_lost: { payer: "lost", meaning: "the runner that carried the attempt died and its processes with it" },
  rejected: { payer: "free", meaning: "the agent refused: policy, signature, isolation or what it cannot do" },
  output: { payer: "none", meaning: "outputs missing, of another type, or too large" },
  expression: { payer: "none", meaning: "an expression failed when it was evaluated" },
  policy: { payer: "none", meaning: "a policy forbids it" },
  queue_timeout: { payer: "none", meaning: "queueTimeout passed before an agent took it" },
  child: { payer: "none", meaning: "a child run ended badly" },
  approval: { payer: "none", meaning: "a person said no" },
  wait: { payer: "none", meaning: "what was waited for did not come" },
} as const satisfies Record<string, { payer: Payer; meaning: string }>;
export type FailureClass = keyof typeof failureClasses;

/** A failure as it is stored, shown and told: class and code for machines, message for people. */
export interface Failure {
  readonly class: FailureClass;
  /** A code of the catalogue: `exit`, `exception`, `timeout`, `output_missing` … */
  readonly code: string;
  readonly message: string;
  readonly exitCode?: number;
  readonly signal?: string;
  /** Type of the exception, where there was one. */
  readonly type?: string;
  readonly file?: string;
  readonly line?: number;
}

/** A failure in a line for people: the exception's type before its message, file and line behind. */
export function failureText(
  failure: Pick<Failure, "message"> & { readonly [K in "type" | "file" | "line"]?: Failure[K] | undefined },
): string {
  const { type, message, file, line } = failure;
  const head = type === undefined || message.startsWith(type) ? message : `${type}: ${message}`;
  return file === undefined ? head : `${head} (${file}${line === undefined ? "" : `:${line}`})`;
}
