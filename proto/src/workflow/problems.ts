// Problems of a document, gathered with their places. At most 100, in the order of the text.
import type { Problem } from "../error/app-error.ts";
import { pointerOf, type SourceText } from "./source.ts";

export const problemsMax = 100;

/** A problem of a document: always with a severity, and with its place where the text has one. */
export interface DocumentProblem extends Problem {
  readonly severity: "error" | "warning";
}

export interface Report {
  readonly code: string;
  readonly detail: string;
  readonly path: readonly (string | number)[];
  readonly hint?: string | undefined;
  /** Points at the key instead of the value. */
  readonly atKey?: boolean;
  /** Offset in the value, where that is text; the problem then points there. */
  readonly within?: { readonly value: string; readonly at: number };
  readonly severity?: "warning";
}

export class ProblemList {
  readonly #source: SourceText;
  readonly #file: string | undefined;
  readonly #found: { readonly offset: number; readonly problem: DocumentProblem }[] = [];
  readonly #seen = new Set<string>();

  constructor(source: SourceText, file: string | undefined) {
    this.#source = source;
    this.#file = file;
  }

  get hasErrors(): boolean {
    return this.#found.some(({ problem }) => problem.severity === "error");
  }

  add(report: Report): void {
    const pointer = pointerOf(report.path);
    const place = this.#source.placeOf(pointer);
    let offset = place?.valueAt ?? 0;
    if (place !== undefined && (report.atKey === true || !this.#source.has(pointer))) offset = place.keyAt;
    if (report.within !== undefined) offset = this.#source.offsetWithin(pointer, report.within.value, report.within.at);
    this.addAt(offset, { ...report, pointer });
  }

  addAt(
    offset: number,
    given: Omit<Report, "path" | "within" | "atKey" | "severity"> & {
      readonly pointer?: string | undefined;
      readonly severity?: "warning" | "error";
    },
  ): void {
    const key = `${offset} ${given.code} ${given.detail}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#found.push({
      offset,
      problem: {
        code: given.code,
        detail: given.detail,
        severity: given.severity ?? "error",
        ...this.#source.positionAt(offset),
        ...(given.pointer === undefined ? {} : { pointer: given.pointer }),
        ...(this.#file === undefined ? {} : { file: this.#file }),
        ...(given.hint === undefined ? {} : { hint: given.hint }),
      },
    });
  }

  /** Takes over a problem that another list has placed. */
  addFound(problem: DocumentProblem): void {
    const offset = this.#source.offsetOf(problem.line ?? 1, problem.column ?? 1);
    this.addAt(offset, problem);
  }

  sorted(): readonly DocumentProblem[] {
    return this.#found
      .toSorted((a, b) => a.offset - b.offset)
      .slice(0, problemsMax)
      .map(({ problem }) => problem);
  }
}

/** `daily.yaml:32:23 unknown_name tasks.downlod is not a task; did you mean download?` */
export function formatProblem(problem: Problem): string {
  const place = problem.line === undefined ? problem.pointer : `${problem.line}:${problem.column ?? 1}`;
  const where = [problem.file, place].filter((part) => part !== undefined && part !== "").join(":");
  const hint = problem.hint === undefined ? "" : `; ${problem.hint}`;
  const mark = problem.severity === "warning" ? "warning " : "";
  return `${where === "" ? "" : `${where} `}${mark}${problem.code} ${problem.detail}${hint}`;
}
