import { checkCode, mayMissCode, type Problem } from "@capstan/proto";
import { packBundle } from "./bundle.ts";
import { readOnce } from "./read-once.ts";
import type { WorkflowSource } from "./sources.ts";

const packed = new Map<string, ReadonlySet<string>>();

/** Files that a workflow names and its code bundle would lack. A workflow with errors is not asked. */
export function missingCode(source: WorkflowSource, found: readonly Problem[]): readonly Problem[] {
  if (found.some((problem) => problem.severity !== "warning")) return [];
  const { codeRoot, include, exclude, bundled } = source;
  const key = JSON.stringify([codeRoot, include, exclude, bundled.map(({ path }) => path)]);
  const files = packed.get(key) ?? new Set(packBundle(codeRoot, include, exclude, bundled)?.files);
  packed.set(key, files);
  const { document } = readOnce(source.source, source.file);
  if (document === undefined || !mayMissCode(document, files)) return [];
  return checkCode({ text: source.source, file: source.file }, files);
}
