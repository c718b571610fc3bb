// What of a trigger's context is kept with its run: only what a task of the workflow asks for, because it may be as large
// as a request.
import { forEachExpression, referencesOf, type CanonicalWorkflow, type JsonObject } from "@capstan/proto";

const known = new WeakMap<CanonicalWorkflow, ReadonlySet<string> | "all">();
const large = ["event", "run", "body", "headers", "query"];

/** The fields of `trigger` that tasks refer to. Found once for each document. */
function fieldsAsked(document: CanonicalWorkflow): ReadonlySet<string> | "all" {
  let found = known.get(document);
  if (found === undefined) {
    const fields = new Set<string>();
    let isWhole = false;
    forEachExpression(document.tasks, ({ $expr }) => {
      for (const { root, steps } of referencesOf($expr)) {
        if (root !== "trigger") continue;
        const [first] = steps;
        if (first === undefined) isWhole = true;
        else fields.add(first.name);
      }
    });
    found = isWhole ? "all" : fields;
    known.set(document, found);
  }
  return found;
}

export function keptOf(document: CanonicalWorkflow, seen: JsonObject): JsonObject {
  const asked = fieldsAsked(document);
  return Object.fromEntries(
    Object.entries(seen).filter(([name]) => large.includes(name) && (asked === "all" || asked.has(name))),
  );
}
