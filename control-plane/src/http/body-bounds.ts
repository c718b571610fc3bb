// Bounds of a JSON body that a schema of free-form values would not set.
import { AppError } from "@capstan/proto";

const depthMax = 64;
const keysMax = 10_000;

/** @throws malformed */
export function refuseHuge(body: unknown): void {
  let keys = 0;
  const visit = (value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null) return;
    if (depth > depthMax) throw new AppError("malformed", `the body is nested deeper than ${depthMax} levels`);
    // A name that another reader might take for the object's own prototype.
    if (Object.hasOwn(value, "__proto__")) throw new AppError("malformed", "__proto__ cannot be a name in a body");
    for (const child of Array.isArray(value) ? value : Object.values(value)) {
      if (++keys > keysMax) throw new AppError("malformed", `the body has more than ${keysMax} values`);
      visit(child, depth + 1);
    }
  };
  visit(body, 0);
}
