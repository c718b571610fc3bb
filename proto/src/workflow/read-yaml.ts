// Settings in YAML, by the rules of a workflow file: one document, no tags, nothing that becomes what it does not say.
import type { JsonValue } from "../json.ts";
import { parseDocument } from "./parse.ts";
import { formatProblem } from "./problems.ts";

/** The value, or what is wrong with the text. */
export function readYaml(
  text: string,
  file: string,
): { readonly value: JsonValue | undefined; readonly problems: readonly string[] } {
  const { value, problems } = parseDocument(text, file);
  return { value, problems: problems.sorted().map(formatProblem) };
}
