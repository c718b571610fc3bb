// Bounds of a JSON body that a schema of free-form values would not set.
import { AppError, isReservedKey } from "@capstan/proto";

const depthMax = 64;
const keysMax = 10_000;

/** @throws malformed */
export function refuseHuge(body: unknown): void {
  let keys = 0;
  const visit = (value: unknown, depth: number): void => {
    if (typeof value === "string") return refuseUnstorable(value);
    if (typeof value !== "object" || value === null) return;
    if (depth > depthMax) throw new AppError("malformed", `the body is nested deeper than ${depthMax} levels`);
    if (!Array.isArray(value)) {
      for (const key of Object.keys(value)) {
        refuseUnstorable(key);
        if (isReservedKey(key)) throw new AppError("malformed", `reserved_key: ${key} cannot be a name in a body`);
      }
    }
    for (const child of Array.isArray(value) ? value : Object.values(value)) {
      if (++keys > keysMax) throw new AppError("malformed", `the body has more than ${keysMax} values`);
      visit(child, depth + 1);
    }
  };
  visit(body, 0);
}

/** Of a text that the database cannot hold, better here than by whoever stores it. */
function refuseUnstorable(text: string): void {
  if (text.includes("\0")) throw new AppError("malformed", "a text of the body holds NUL (\\u0000)");
  if (!text.isWellFormed())
    throw new AppError("malformed", "a text of the body holds half a character (\\ud800 to \\udfff)");
}
