// From whatever was thrown to RFC 9457. What is no AppError is a bug or a refusal of Fastify's; neither tells its text.
import { AppError, errorEntry, problemType, type ErrorCode, type ProblemDocument } from "@capstan/proto";

export interface Problematic {
  readonly document: ProblemDocument;
  readonly retryAfterSeconds: number | undefined;
  /** True for bugs: somebody must look at the stack. */
  readonly unexpected: boolean;
}

/** Errors of Fastify and Nest that a request can cause, by their status. */
const byStatus: Readonly<Record<number, { code: ErrorCode; detail: string }>> = {
  400: { code: "malformed", detail: "the request is not readable: the body must be one JSON document" },
  404: { code: "not_found", detail: "there is nothing at this path" },
  405: { code: "method_not_allowed", detail: "this path does not take that method" },
  413: { code: "body_too_large", detail: "the body is larger than 1 MiB" },
  414: { code: "malformed", detail: "a part of the path is too long" },
  415: { code: "media_type_refused", detail: "the body must be application/json" },
  431: { code: "head_too_large", detail: "address and headers together are larger than 16 KiB" },
};

/** Says whether an error means "the database cannot be reached now". */
export type IsUnavailable = (error: unknown) => boolean;

/** The AppError that stands for anything thrown. */
export function appErrorOf(
  thrown: unknown,
  isUnavailable: IsUnavailable,
): { readonly error: AppError; readonly unexpected: boolean } {
  if (thrown instanceof AppError) return { error: thrown, unexpected: false };
  if (isUnavailable(thrown)) {
    return {
      error: new AppError("unavailable", "the database cannot be reached at the moment; nothing is lost", {
        retryAfterMs: 1000,
        cause: thrown,
      }),
      unexpected: false,
    };
  }
  const status = statusOf(thrown);
  const known = status === undefined ? undefined : byStatus[status];
  if (known !== undefined)
    return { error: new AppError(known.code, known.detail, { cause: thrown }), unexpected: false };
  return {
    error: new AppError("internal", "The control plane could not do this. Nothing was changed.", { cause: thrown }),
    unexpected: true,
  };
}

function statusOf(thrown: unknown): number | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  if ("getStatus" in thrown && typeof thrown.getStatus === "function") return Number(thrown.getStatus());
  return "statusCode" in thrown && typeof thrown.statusCode === "number" ? thrown.statusCode : undefined;
}

/** @param instance path of the request, without its query: queries may hold what should not be repeated */
export function problemOf(
  thrown: unknown,
  instance: string,
  requestId: string,
  isUnavailable: IsUnavailable,
): Problematic {
  const { error, unexpected } = appErrorOf(thrown, isUnavailable);
  const entry = errorEntry(error.code);
  const detail = error.code === "internal" ? `${error.message} Reference ${requestId}` : error.message;
  const document: ProblemDocument = {
    type: problemType(error.code),
    title: entry?.title ?? error.code,
    status: error.status,
    detail,
    instance,
    code: error.code,
    retryable: entry?.retryable ?? false,
    requestId,
    ...(entry === undefined ? {} : { do: entry.do }),
    // Copies, because the schema's types are not readonly.
    ...(error.problems.length === 0 ? {} : { errors: error.problems.map((problem) => ({ ...problem })) }),
    ...(Object.keys(error.evidence).length === 0
      ? {}
      : { evidence: structuredClone(error.evidence) as NonNullable<ProblemDocument["evidence"]> }), // JSON by its type
  };
  return {
    document,
    retryAfterSeconds: error.retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(error.retryAfterMs / 1000)),
    unexpected,
  };
}
