// The one entry: text in, canonical document and problems out. Used by control plane, CLI, agent and editor alike.
import type { JsonValue } from "../json.ts";
import { canonicalize, secretsOf } from "./canonicalize.ts";
import type { CanonicalWorkflow } from "./canonical.ts";
import { checkDeclarations, checkSecretReferences } from "./check-declarations.ts";
import { checkData } from "./check-data.ts";
import { ExpressionChecker } from "./check-expressions.ts";
import { checkOverridable } from "./check-overridable.ts";
import { checkGraph } from "./check-graph.ts";
import { checkTriggers } from "./check-triggers.ts";
import { digestOf } from "./digest.ts";
import { reportUnsupported } from "./not-supported.ts";
import { parseDocument } from "./parse.ts";
import { ProblemList, type DocumentProblem } from "./problems.ts";
import { reportIssues } from "./shape-check.ts";
import { actionNames } from "./task-kind.ts";
import { workflowSchema, type WorkflowSource } from "./schema.ts";

export interface WorkflowText {
  readonly text: string;
  /** Name for messages: `workflows/daily.yaml`. */
  readonly file?: string;
}

export interface ReadWorkflow {
  /** Only where there is no error; warnings do not matter. */
  readonly document?: CanonicalWorkflow;
  readonly digest?: string;
  /** At most 100, in the order of the text. */
  readonly problems: readonly DocumentProblem[];
}

/** Codes that may only follow from another mistake, once the parts with mistakes have been taken out. */
const followers = new Set([
  "unknown_name",
  "unknown_task",
  "maybe_missing",
  "type_mismatch",
  "not_text",
  "no_action",
  "missing_key",
  "condition_constant",
]);

/** Whether names may be gone with a part: an input, a secret, a trigger, a task, its action or its outputs. */
const declares = ([section, , key]: readonly (string | number)[]): boolean =>
  section === "inputs" ||
  section === "secrets" ||
  section === "triggers" ||
  (section === "tasks" && (key === undefined || key === "outputs" || actionKeys.has(String(key))));
const actionKeys: ReadonlySet<string> = new Set(actionNames);

/** Reads, checks and canonicalizes the text of a workflow. Never throws for what a text may hold. */
export function readWorkflow({ text, file }: WorkflowText): ReadWorkflow {
  const { value, source, problems } = parseDocument(text, file);
  if (value === undefined) return { problems: problems.sorted() };
  const checked = workflowSchema.safeParse(value);
  if (!checked.success) {
    const { wrong } = reportIssues(checked.error.issues, value, problems);
    // What is right is checked all the same, so that one round of corrections is enough.
    const rest = workflowSchema.safeParse(without(value, wrong));
    if (rest.success) {
      const more = new ProblemList(source, file);
      check(rest.data, more);
      const declaring = wrong.some(declares);
      for (const problem of more.sorted()) if (!declaring || !followers.has(problem.code)) problems.addFound(problem);
    }
    return { problems: problems.sorted() };
  }
  const document = check(checked.data, problems);
  const found = problems.sorted();
  if (problems.hasErrors) return { problems: found };
  // Computed where it is asked for: whoever adds code to the document makes another one.
  return {
    document,
    problems: found,
    get digest() {
      return digestOf(document);
    },
  };
}

function check(source: WorkflowSource, problems: ProblemList): CanonicalWorkflow {
  reportUnsupported(source, problems);
  checkOverridable(source, problems);
  const document = canonicalize(source);
  checkGraph(source, document, problems);
  checkTriggers(source, document, problems);
  checkDeclarations(document, problems);
  checkSecretReferences(source, problems);
  checkData(document, problems);
  new ExpressionChecker(source, document, secretsOf(source.secrets), problems).checkAll();
  return document;
}

/** A copy without the parts at these paths. */
function without(value: JsonValue, paths: readonly (readonly (string | number)[])[]): JsonValue {
  const copy: JsonValue = structuredClone(value);
  for (const path of paths) {
    let at: unknown = copy;
    for (const name of path.slice(0, -1))
      at = typeof at === "object" && at !== null ? (at as Record<string, unknown>)[String(name)] : undefined; // a map or a list
    const last = path[path.length - 1];
    if (typeof at === "object" && at !== null && !Array.isArray(at) && last !== undefined)
      delete (at as Record<string, unknown>)[String(last)]; // a map
  }
  return copy;
}
