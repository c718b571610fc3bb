// Where in the author's files a part of the document was written, so that a problem of the document points there.
import { fileURLToPath } from "node:url";

export interface Place {
  /** Absolute path. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

const framePattern = /(?:\(|at )((?:file:\/\/)?\/[^\s()]+?|[A-Za-z]:\\[^()]+?):(\d+):(\d+)\)?$/;

/** The places of a stack's frames, from the innermost on; Node's own have none. */
export function placesOfStack(stack: string): Place[] {
  return stack.split("\n").flatMap((frame) => {
    const match = framePattern.exec(frame.trim());
    if (match === null) return [];
    const [, where = "", line = "1", column = "1"] = match;
    return [
      { file: where.startsWith("file:") ? fileURLToPath(where) : where, line: Number(line), column: Number(column) },
    ];
  });
}

/** The place of the call of one of our functions. */
export function placeOfCall(called: (...given: never[]) => unknown): Place | undefined {
  const trace: { stack?: string } = {};
  Error.captureStackTrace(trace, called);
  return placesOfStack(trace.stack ?? "")[0];
}
