import { errorCatalogue, type ErrorCode } from "./catalogue.ts";
import type { JsonValue } from "../json.ts";

/** One problem within a request or a document: where it is, what it is, what to do. */
export interface Problem {
  readonly code: string;
  /** One sentence that names the thing. */
  readonly detail: string;
  /** JSON pointer into the body or the document. */
  readonly pointer?: string;
  /** For documents: file name, line and column, both from 1. */
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly hint?: string;
  readonly severity?: "error" | "warning";
}

export interface AppErrorOptions {
  readonly problems?: readonly Problem[];
  readonly evidence?: Readonly<Record<string, JsonValue>>;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A catalogued failure. Anything that is not one of these and is thrown is a bug of ours. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly problems: readonly Problem[];
  readonly evidence: Readonly<Record<string, JsonValue>>;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, detail: string, options: AppErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.problems = options.problems ?? [];
    this.evidence = options.evidence ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }

  /** HTTP status of the code; 500 where the catalogue names none. */
  get status(): number {
    const entry: { status?: number } = errorCatalogue[this.code];
    return entry.status ?? 500;
  }
}
