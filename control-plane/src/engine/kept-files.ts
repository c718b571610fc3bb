// Files that an agent keeps to itself: what is given them has to run where they are (docs/language.md, "Data classes").
//  K1. A value says in which store its bytes are. Nothing else says so, and what is in no store is with the control plane.
//  K2. A task whose files are in two stores can run nowhere. It fails when it would begin, and says which they are.
import type { Failure, JsonValue } from "@capstan/proto";
import { contextFor } from "./context.ts";
import type { Draft } from "./draft.ts";

/** The stores of the files that a task run is given, by the order in which they are met. */
export function storesOf(draft: Draft, position: number): readonly string[] {
  // What is held of an attempt is brought from where it is; nothing is read for that.
  const suspension = draft.task(position)?.suspension;
  if (suspension?.kind === "declassify" && suspension.approved.length > 0) return [suspension.store];
  return [...placesOf(draft, position).keys()];
}

/** Store → the name of a file in it. */
function placesOf(draft: Draft, position: number): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const planTask = draft.planTask(position);
  collect(
    contextFor(draft.run, planTask, position, draft.around, (at) => draft.task(at)),
    found,
  );
  return found;
}

function collect(value: JsonValue, found: Map<string, string>): void {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) {
    const file = (value as Readonly<Record<string, JsonValue>>)["$file"]; // no array
    const { store, name } = typeof file === "object" && file !== null && !Array.isArray(file) ? (file as Named) : {}; // likewise
    if (typeof store === "string" && !found.has(store)) found.set(store, String(name));
  }
  for (const part of Object.values(value)) collect(part, found);
}

interface Named {
  readonly store?: JsonValue;
  readonly name?: JsonValue;
}

/** Why a task run can run nowhere. */
export function keptFilesProblem(draft: Draft, position: number): Failure | undefined {
  if (!draft.planTask(position).mayReadKept) return undefined;
  const places = placesOf(draft, position);
  if (places.size < 2) return undefined;
  const where = [...places].map(([store, name]) => `${name} in ${store}`).join(", ");
  return {
    class: "policy",
    code: "files_apart",
    message: `its files are kept in different places, and none of them may leave its own: ${where}`,
  };
}
