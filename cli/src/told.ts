// A failure as it is told: a sentence, a code, and the next step.
import { AppError, errorEntry, problemType } from "@capstan/proto";
import { ProblemError } from "./api/problem.ts";
import { problemLine } from "./project/deploy.ts";

export interface Told {
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly next: string;
  readonly lines: readonly string[];
  readonly document: Readonly<Record<string, unknown>>;
}

/** What is told of anything thrown. */
export function tell(error: unknown): Told {
  if (error instanceof ProblemError) {
    const { problem } = error;
    return {
      code: problem.code,
      status: problem.status,
      detail: problem.detail,
      next: problem.do ?? errorEntry(problem.code)?.do ?? "",
      lines: (problem.errors ?? []).map(problemLine),
      document: problem,
    };
  }
  const known =
    error instanceof AppError
      ? error
      : new AppError("internal", error instanceof Error ? error.message : String(error), { cause: error });
  const entry = errorEntry(known.code);
  const document = {
    type: problemType(known.code),
    title: entry?.title ?? known.code,
    status: known.status,
    detail: known.message,
    code: known.code,
    retryable: entry?.retryable ?? false,
    ...(known.problems.length > 0 ? { errors: known.problems } : {}),
  };
  return {
    code: known.code,
    status: known.status,
    detail: known.message,
    next: entry?.do ?? "",
    lines: known.problems.map(problemLine),
    document,
  };
}

/** The lines for people. `grey` makes what is beside the point so. */
export function toldText(told: Told, grey: (text: string) => string = (text) => text): string {
  // One problem says all that the sentence above it would say, and its place and hint besides.
  const [only] = told.lines.length === 1 ? told.lines : [];
  const head = only === undefined ? [told.detail, ...told.lines.map((line) => `  ${line}`)] : [only];
  head[0] = `✗ ${head[0]} ${grey(`(${told.code})`)}`;
  return [...head, ...(told.next === "" ? [] : [told.next])].join("\n");
}
