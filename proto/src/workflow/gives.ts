// Outputs that an action has by itself, with their types; they need no declaration.
import type { ApprovalAction, CanonicalAction, CanonicalTask, ValueDeclaration } from "./canonical.ts";

const http: Readonly<Record<string, ValueDeclaration>> = {
  status: { type: "integer" },
  headers: { type: "object" },
  // JSON or text, whatever the server sent.
  body: { type: "object", nullable: true },
  bytes: { type: "integer" },
  sha256: { type: "string" },
};
const httpWithFile: Readonly<Record<string, ValueDeclaration>> = { ...http, file: { type: "file" } };
const sql = {
  // Columns of any type, by their names.
  rows: { rows: { type: "array", items: { type: "object" } }, rowCount: { type: "integer" } },
  value: { value: { type: "object", nullable: true }, rowCount: { type: "integer" } },
  file: { file: { type: "file" }, rowCount: { type: "integer" } },
  none: { rowCount: { type: "integer" } },
} satisfies Readonly<Record<string, Readonly<Record<string, ValueDeclaration>>>>;
const notify: Readonly<Record<string, ValueDeclaration>> = { delivered: { type: "boolean" } };
/** The event is null where the time ran out and the task goes on all the same. */
const waited: Readonly<Record<string, ValueDeclaration>> = {
  event: { type: "object", nullable: true },
  at: { type: "string" },
};
const decided: Readonly<Record<string, ValueDeclaration>> = {
  decision: { type: "string", enum: ["approved", "rejected"] },
  /** Who decided; several approvers with commas between them. */
  by: { type: "string" },
  at: { type: "string" },
  comment: { type: "string" },
  form: { type: "object" },
};
/** Beside the outputs of the child, which only a deploy knows. */
const child: Readonly<Record<string, ValueDeclaration>> = { runId: { type: "string" } };
const nothing: Readonly<Record<string, ValueDeclaration>> = {};

/** How many polls it took, beside the outputs of the last one. */
const polled: Readonly<Record<string, ValueDeclaration>> = { polls: { type: "integer" } };

/** What a task gives by itself, beside what its action gives. */
export const taskGivesOf = (task: Pick<CanonicalTask, "poll">): Readonly<Record<string, ValueDeclaration>> =>
  task.poll === undefined ? nothing : polled;

/** Names and types of what an action gives. `nullable` stands for any type. */
export function givesOf(action: CanonicalAction): Readonly<Record<string, ValueDeclaration>> {
  if ("http" in action) return action.http.saveAs === undefined ? http : httpWithFile;
  if ("sql" in action) return sql[action.sql.result ?? "rows"];
  if ("wait" in action) return action.wait.event === undefined ? nothing : waited;
  if ("approval" in action) return decidedWith(action.approval);
  if ("workflow" in action) return child;
  return "notify" in action ? notify : nothing;
}

const forms = new WeakMap<ApprovalAction, Readonly<Record<string, ValueDeclaration>>>();

/** Made once for each action: types are found by the declaration itself. */
function decidedWith(approval: ApprovalAction): Readonly<Record<string, ValueDeclaration>> {
  if (approval.form === undefined) return decided;
  const known = forms.get(approval) ?? {
    ...decided,
    form: { type: "object" as const, properties: approval.form, additionalProperties: false },
  };
  forms.set(approval, known);
  return known;
}
