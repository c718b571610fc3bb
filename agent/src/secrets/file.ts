// Secrets from folders that the agent's owner has named by an alias.
import { AppError } from "@capstan/proto";
import { readBeneath } from "../workspace/open-beneath.ts";
import { referenceText, type FileReference } from "./vault-path.ts";

export const secretFileBytesMax = 1024 * 1024;

/**
 * The content of `file:<alias>/<path>`, without one newline at its end; with `#key` that field of a JSON object.
 * @param folders alias → absolute folder
 * @throws policy_denied for an alias that is not configured, secret_unavailable where it cannot be read
 */
export function resolveFile(reference: FileReference, folders: Readonly<Record<string, string>>): string {
  const text = referenceText(reference);
  const folder = Object.hasOwn(folders, reference.alias) ? folders[reference.alias] : undefined;
  if (folder === undefined) {
    throw new AppError("policy_denied", `this agent has no folder with the alias ${reference.alias} (${text})`, {
      evidence: { by: "agent", rule: "secrets" },
    });
  }
  const file = readBeneath(folder, reference.path.join("/"), secretFileBytesMax);
  if (file.kind === "refused") {
    const why = {
      missing: "there is no such file",
      not_regular: "it is not a regular file",
      outside: "it is reached through a link",
      too_large: "it is larger than 1 MiB",
      foreign_owner: "it belongs to another user",
      unreadable: "the agent may not read it",
    }[file.why];
    throw new AppError("secret_unavailable", `${text} cannot be read: ${why}`);
  }
  const content = file.bytes.toString("utf8").replace(/\r?\n$/, "");
  return reference.key === undefined ? content : fieldOf(content, reference.key, text);
}

/** One text field of a JSON object; parse errors are not passed on, they would quote the content. */
function fieldOf(content: string, key: string, text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    throw new AppError("secret_unavailable", `${text} names a key, but the file is not JSON`);
  }
  return secretField(value, key, text);
}

/**
 * A field of a parsed object as text; numbers and booleans are written as JSON.
 * @throws secret_unavailable where it is absent or is a list or object
 */
export function secretField(value: unknown, key: string, text: string): string {
  const field: unknown =
    typeof value === "object" && value !== null && Object.hasOwn(value, key)
      ? (value as Record<string, unknown>)[key] // an object with that own key, as just checked
      : undefined;
  if (typeof field === "string") return field;
  if (typeof field === "number" || typeof field === "boolean") return String(field);
  throw new AppError("secret_unavailable", `${text}: there is no text under the key ${key}`);
}
