import type { ProblemDocument } from "@capstan/proto";

/** A refusal or failure of the API, as RFC 9457 tells it; or, with code `unreachable`, no answer at all. */
export class ApiProblem extends Error {
  readonly code: string;
  readonly status: number;
  readonly retryable: boolean;
  readonly requestId: string | undefined;
  readonly next: string | undefined;

  constructor(document: Partial<ProblemDocument> & { readonly detail: string; readonly code: string }) {
    super(document.detail);
    this.name = "ApiProblem";
    this.code = document.code;
    this.status = document.status ?? 0;
    this.retryable = document.retryable ?? false;
    this.requestId = document.requestId;
    this.next = document.do;
  }
}

/** The problem that an answer with an error status carries. */
export async function readProblem(answer: Response): Promise<ApiProblem> {
  const text = await answer.text().catch(() => "");
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && "code" in parsed && "detail" in parsed)
      // Written by the control plane of this version; every field but these two is optional to us.
      return new ApiProblem(parsed as Partial<ProblemDocument> & { detail: string; code: string });
  } catch {
    // Not JSON: something between browser and control plane answered.
  }
  return new ApiProblem({
    code: "unavailable",
    detail: `The server answered ${answer.status} without saying why.`,
    status: answer.status,
    retryable: answer.status >= 500,
  });
}
