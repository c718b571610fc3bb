// A set of workflow files, read and checked together.
import {
  AppError,
  canonicalJsonOf,
  digestOfText,
  readWorkflow,
  withBundle,
  type CanonicalWorkflow,
  type Problem,
  type SourceDocument,
} from "@capstan/proto";

export interface ReadDocument {
  readonly source: SourceDocument;
  readonly document: CanonicalWorkflow;
  readonly digest: string;
  /** Canonical JSON, whose hash the digest is. */
  readonly canonical: string;
  readonly warnings: readonly Problem[];
}

export interface ReadDocuments {
  readonly documents: readonly ReadDocument[];
  /** Errors and warnings, by file in the order given. */
  readonly problems: readonly Problem[];
}

export function readDocuments(sources: readonly SourceDocument[]): ReadDocuments {
  const documents: ReadDocument[] = [];
  const problems: Problem[] = [];
  const fileOf = new Map<string, string>();
  for (const source of sources) {
    const read = readWorkflow({ text: source.source, file: source.file });
    problems.push(...read.problems);
    if (read.document === undefined) continue;
    const other = fileOf.get(read.document.name);
    if (other !== undefined) {
      problems.push({
        code: "duplicate_workflow",
        severity: "error",
        file: source.file,
        pointer: "/name",
        detail: `the workflow ${read.document.name} is also in ${other}`,
      });
      continue;
    }
    fileOf.set(read.document.name, source.file);
    const document = withBundle(read.document, source.bundleSha256);
    const canonical = canonicalJsonOf(document);
    documents.push({
      source,
      document,
      digest: digestOfText(canonical),
      canonical,
      warnings: read.problems.filter((problem) => problem.severity === "warning"),
    });
  }
  return { documents, problems };
}

export const isError = (problem: Problem): boolean => problem.severity !== "warning";

/** @throws spec_invalid where any file has an error */
export function refuseErrors(read: ReadDocuments): void {
  const errors = read.problems.filter(isError);
  const first = errors[0];
  if (first === undefined) return;
  const place = [first.file, first.line, first.column].filter((part) => part !== undefined).join(":");
  const more = errors.length === 1 ? "" : ` (and ${errors.length - 1} more)`;
  throw new AppError("spec_invalid", `${place === "" ? "" : `${place} `}${first.detail}${more}`, {
    problems: read.problems,
  });
}
