// The environment of a Python action: what its fields say together, and which agents can have it.
import type { CanonicalTask, DynamicText } from "./canonical.ts";
import type { ProblemList } from "./problems.ts";

/** Minor versions of Python 3 that a label is compared with; a later one is not known to this release. */
const minorMax = 25;

type Labels = Readonly<Record<string, DynamicText | readonly DynamicText[]>>;

/** The labels that a task asks for: what `runsOn` says, and what its action needs by itself. */
export function labelsWantedBy({ runsOn, action }: Pick<CanonicalTask, "runsOn" | "action">): Labels {
  const written = runsOn?.labels ?? {};
  const version = "python" in action ? action.python.environment?.version : undefined;
  if (version === undefined || Object.hasOwn(written, "python")) return written;
  const first = Number(version.split(".")[1]);
  return { ...written, python: Array.from({ length: Math.max(1, minorMax - first + 1) }, (_, n) => `3.${first + n}`) };
}

/** A wanted label for people: `zone=a|b`; what a version asks for as `python>=3.12`. */
export const labelText = (label: string, values: readonly string[]): string =>
  label === "python" && values.length > 1 && values.at(-1) === `3.${minorMax}`
    ? `python>=${values[0]}`
    : `${label}=${values.join("|")}`;

const fields = ["requirements", "index", "wheels"] as const;

/** Checks what the schema cannot: fields that need one another, and paths that lead out of the code. */
export function checkPythonEnvironment(
  python: unknown,
  path: readonly (string | number)[],
  problems: ProblemList,
): void {
  if (typeof python !== "object" || python === null || !("environment" in python)) return;
  const given = python.environment;
  if (typeof given !== "object" || given === null) return;
  const environment = given as Readonly<Record<string, unknown>>; // a map, by the schema
  const at = [...path, "environment"];
  const kind = environment["kind"] ?? (path[0] === "defaults" ? undefined : "system");
  for (const field of fields) {
    const value = environment[field];
    if (typeof value !== "string") continue;
    if (kind === "system")
      problems.add({
        code: "bad_value",
        detail: `${field} needs an environment of its own`,
        hint: "write kind: venv, or kind: uv",
        path: [...at, field],
        atKey: true,
      });
    if (field === "index") continue;
    const parts = (field === "wheels" && value.startsWith("/") ? value.slice(1) : value).split("/");
    if (parts.some((part) => part === "" || part === "." || part === ".." || part.startsWith("-")))
      problems.add({
        code: "bad_value",
        detail: `${JSON.stringify(value.slice(0, 100))} is no path within the code of the workflow`,
        path: [...at, field],
      });
  }
  const { requirements } = environment;
  if (typeof requirements === "string" && kind === "venv" && /(^|\/)(pyproject\.toml|uv\.lock)$/.test(requirements))
    problems.add({
      code: "bad_value",
      detail: "pip reads no pyproject.toml and no uv.lock",
      hint: "write kind: uv, or name a requirements file",
      path: [...at, "requirements"],
    });
}
