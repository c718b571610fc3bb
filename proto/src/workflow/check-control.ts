// Fields of the actions that no agent carries out, which the shape alone does not say.
import { parseDuration } from "../duration.ts";
import { roles } from "../permissions.ts";
import { parseTime } from "../time.ts";
import type { ProblemList } from "./problems.ts";
import type { TaskSource } from "./task-schema.ts";

type Path = readonly (string | number)[];

const yearMs = 366 * 86_400_000;
export function checkWait(given: NonNullable<TaskSource["wait"]>, path: Path, problems: ProblemList): void {
  const { for: time, until } = typeof given === "string" ? { for: given, until: undefined } : given;
  if (time !== undefined && !time.includes("${{")) {
    const ms = parseDuration(time);
    const where = typeof given === "string" ? path : [...path, "for"];
    if (ms === undefined) {
      problems.add({
        code: "bad_duration",
        detail: `${JSON.stringify(time)} is no duration`,
        hint: /^\d+$/.test(time) ? `${time}s or ${time}m?` : "write 90s, 10m, 1h30m or 2d",
        path: where,
      });
    } else if (ms > yearMs) {
      problems.add({ code: "bad_value", detail: "a task waits at most 366d", path: where });
    }
  }
  if (until !== undefined && !until.includes("${{") && parseTime(until) === undefined) {
    problems.add({
      code: "bad_value",
      detail: `${JSON.stringify(until)} is no time with a zone`,
      hint: "write 2027-01-05T10:00:00Z or 2027-01-05T10:00:00+01:00",
      path: [...path, "until"],
    });
  }
}

const knownRoles: ReadonlySet<string> = new Set(roles);
const principal = /^(?:user:\S{1,200}|group:\S{1,200}|role:[a-z_]{1,60})$/;

export function checkApproval(given: NonNullable<TaskSource["approval"]>, path: Path, problems: ProblemList): void {
  if (typeof given === "string") {
    problems.add({
      code: "missing_key",
      detail: "approval needs from: who may answer",
      hint: "approval: { title: …, from: [role:operator] }",
      path,
    });
    return;
  }
  checkPrincipals(given.from, [...path, "from"], problems);
  if (given.onTimeout !== "approve") return;
  for (const [name, field] of Object.entries(given.form ?? {})) {
    if (typeof field === "object" && (field.optional === true || field["default"] !== undefined)) continue;
    problems.add({
      code: "bad_value",
      detail: `onTimeout: approve has nobody who fills in ${name}`,
      hint: "give the field a default, or optional: true",
      path: [...path, "form", name],
    });
  }
}

/** Who may answer: people and roles; groups are not known yet. */
export function checkPrincipals(names: readonly string[], path: Path, problems: ProblemList): void {
  for (const [index, from] of names.entries()) {
    const [kind, name = ""] = from.split(":");
    if (principal.test(from) && (kind === "group" || (kind === "role" && !knownRoles.has(name)))) {
      problems.add({
        code: "unknown_principal",
        detail: kind === "group" ? `${from}: there are no groups yet` : `${name} is no role`,
        hint: `write user:NAME, or a role: ${roles.join(", ")}`,
        path: [...path, index],
      });
      continue;
    }
    if (principal.test(from)) continue;
    problems.add({
      code: "bad_value",
      detail: `${JSON.stringify(from)} names nobody`,
      hint: "write user:NAME or role:NAME",
      path: [...path, index],
    });
  }
}

const version = /^(?:active|sha256:[0-9a-f]{64})$/;

export function checkWorkflow(given: NonNullable<TaskSource["workflow"]>, path: Path, problems: ProblemList): void {
  if (typeof given === "string") {
    if (!/^[a-z][a-z0-9_]{0,62}$/.test(given)) {
      problems.add({
        code: "bad_name",
        detail: `${JSON.stringify(given.slice(0, 100))} is no name of a workflow`,
        path,
      });
    }
    return;
  }
  if (given.version !== undefined && !version.test(given.version)) {
    problems.add({
      code: "bad_value",
      detail: `${JSON.stringify(given.version)} is no version`,
      hint: "write active, or a digest: sha256:…",
      path: [...path, "version"],
    });
  }
}
