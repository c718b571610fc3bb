import { problemSchema, problemType, type ProblemDocument } from "@capstan/proto";

/** A refusal of the control plane, as it came. */
export class ProblemError extends Error {
  readonly problem: ProblemDocument;

  constructor(problem: ProblemDocument) {
    super(problem.detail);
    this.name = "ProblemError";
    this.problem = problem;
  }
}

/** An answer that is no success, as a problem; one that is not ours keeps its status. */
export function problemFrom(status: number, body: string, instance: string): ProblemDocument {
  try {
    return problemSchema.parse(JSON.parse(body));
  } catch {
    const code =
      status === 404 ? "not_found" : status === 502 || status === 503 || status === 504 ? "unavailable" : "internal";
    return {
      type: problemType(code),
      title: "The answer is no problem document",
      status,
      detail: `${instance} answered ${status} without a problem document: is this a Capstan control plane?`,
      instance,
      code,
      retryable: status >= 500,
      requestId: "",
    };
  }
}
