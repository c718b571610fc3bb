// Cursors of lists: opaque to clients, bound to the route and the filters that they were made for.
import { createHash } from "node:crypto";
import { AppError } from "@capstan/proto";

const bindingOf = (filter: unknown): string =>
  createHash("sha256").update(JSON.stringify(filter)).digest("base64url").slice(0, 12);

/**
 * @param filter everything of the query that decides which rows there are and in which order; not `limit` or `cursor`
 * @param position sort values of the last row of the page
 */
export const makeCursor = (filter: unknown, position: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify([bindingOf(filter), ...position])).toString("base64url");

/** The position within a cursor. @throws cursor_invalid for another filter, another shape, or no cursor of ours */
export function readCursor(filter: unknown, cursor: string, length: number): readonly (string | number)[] {
  const refuse = (): never => {
    throw new AppError("cursor_invalid", "the cursor was not made for this list and these filters");
  };
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    return refuse();
  }
  if (!Array.isArray(value) || value.length !== length + 1 || value[0] !== bindingOf(filter)) return refuse();
  const position: unknown[] = value.slice(1);
  const texts = position.filter(
    (part): part is string | number => typeof part === "string" || typeof part === "number",
  );
  return texts.length === length ? texts : refuse();
}
