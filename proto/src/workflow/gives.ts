// Outputs that an action has by itself, with their types; they need no declaration.
import type { CanonicalAction, ValueDeclaration } from "./canonical.ts";

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
const nothing: Readonly<Record<string, ValueDeclaration>> = {};

/** Names and types of what an action gives. `nullable` stands for any type. */
export function givesOf(action: CanonicalAction): Readonly<Record<string, ValueDeclaration>> {
  if ("http" in action) return action.http.saveAs === undefined ? http : httpWithFile;
  if ("sql" in action) return sql[action.sql.result ?? "rows"];
  return "notify" in action ? notify : nothing;
}
