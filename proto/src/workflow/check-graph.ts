// Actions, needs and cycles.
import { guess } from "../expression/nearest.ts";
import { literalFields, shortField, type AgentActionName } from "./canonical-action.ts";
import type { CanonicalWorkflow } from "./canonical.ts";
import { checkMapping } from "./check-mapping.ts";
import { checkPreferences } from "./check-preferences.ts";
import { defaultGraceMs, defaultLeaseMs } from "./defaults.ts";
import { checkApproval, checkWait, checkWorkflow } from "./check-control.ts";
import { findCycle } from "./edges.ts";
import type { ProblemList } from "./problems.ts";
import { checkCache, checkPoll } from "./check-repeat.ts";
import { checkSla } from "./check-sla.ts";
import { checkPythonEnvironment } from "./python-environment.ts";
import type { WorkflowSource } from "./schema.ts";
import { actionNames, controlPlaneActions, type ActionName } from "./task-kind.ts";
import type { TaskSource } from "./task-schema.ts";

export const tasksMax = 1000;

type Path = readonly (string | number)[];

export function checkGraph(source: WorkflowSource, document: CanonicalWorkflow, problems: ProblemList): void {
  const ids = Object.keys(source.tasks);
  if (ids.length === 0)
    problems.add({ code: "missing_key", detail: "a workflow needs at least one task", path: ["tasks"] });
  if (ids.length > tasksMax)
    problems.add({
      code: "too_large",
      detail: `a workflow has at most ${tasksMax} tasks, not ${ids.length}`,
      path: ["tasks"],
      atKey: true,
    });
  for (const [id, task] of Object.entries(source.tasks)) {
    checkTask(id, task, ids, problems);
    checkMapping(id, task, document, problems);
  }
  checkPythonEnvironment(source.defaults?.python, ["defaults", "python"], problems);
  for (const [id, task] of Object.entries(document.tasks)) checkTimes(id, task, problems);
  for (const [name, entries] of Object.entries(source.hooks ?? {})) {
    for (const [index, entry] of (entries ?? []).entries()) checkHook(entry, ["hooks", name, index], problems);
  }
  for (const [id, task] of Object.entries(source.tasks)) {
    for (const [name, entries] of Object.entries(task.hooks ?? {})) {
      for (const [index, entry] of (entries ?? []).entries())
        checkHook(entry, ["tasks", id, "hooks", name, index], problems);
    }
  }
  checkSla(document, problems);
  checkPreferences(source, problems);
  const known = new Set(ids);
  const needs = new Map(
    Object.entries(document.tasks).map(([id, task]) => [id, task.needs.filter((need) => known.has(need))]),
  );
  const cycle = findCycle(needs);
  if (cycle?.[0] !== undefined) {
    problems.add({
      code: "cycle",
      detail: `these tasks wait for each other: ${cycle.join(" → ")}`,
      path: ["tasks", cycle[0]],
      atKey: true,
    });
  }
}

function checkTask(id: string, task: TaskSource, ids: readonly string[], problems: ProblemList): void {
  const path: Path = ["tasks", id];
  const actions = actionNames.filter((name) => task[name] !== undefined);
  const [action, second] = actions;
  if (action === undefined) {
    problems.add({
      code: "no_action",
      detail: `${id} says nothing to do`,
      hint: "give it one of run, python, node, http, sql, notify, workflow, approval, wait",
      path,
      atKey: true,
    });
  } else if (second !== undefined) {
    problems.add({
      code: "two_actions",
      detail: `${id} has ${actions.join(" and ")}; a task has one action`,
      path: [...path, second],
      atKey: true,
    });
  } else {
    checkFields(action, task[action], [...path, action], problems);
    checkPythonEnvironment(task.python, [...path, "python"], problems);
    if (task.wait !== undefined) checkWait(task.wait, [...path, "wait"], problems);
    if (task.approval !== undefined) checkApproval(task.approval, [...path, "approval"], problems);
    if (task.workflow !== undefined) checkWorkflow(task.workflow, [...path, "workflow"], problems);
    checkApplicable(id, action, task, problems);
    if (task.poll !== undefined) checkPoll(task, task.poll, path, problems);
    if (task.cache !== undefined) checkCache(task, path, problems);
  }
  for (const [index, need] of (task.needs ?? []).entries()) {
    if (!ids.includes(need)) {
      problems.add({
        code: "unknown_task",
        detail: `${need} is not a task`,
        hint: guess(need, ids),
        path: [...path, "needs", index],
      });
    }
  }
  for (const name of Object.keys(task.env ?? {})) checkEnvName(name, [...path, "env", name], problems);
  checkLimits(task, [...path, "limits"], problems);
}

/** A limit named twice would be taken twice; its weight says how much is taken. */
function checkLimits(task: TaskSource, path: Path, problems: ProblemList): void {
  const names = (task.limits ?? []).map((limit) => (typeof limit === "string" ? limit : limit.name));
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === index) continue;
    problems.add({
      code: "bad_value",
      detail: `the limit ${name} is named twice`,
      hint: "write it once, with a weight",
      path: [...path, index],
    });
  }
}

export function checkEnvName(name: string, path: Path, problems: ProblemList): void {
  if (name.startsWith("CAPSTAN_")) {
    problems.add({
      code: "reserved_name",
      detail: `${name}: names that begin with CAPSTAN_ are ours`,
      path,
      atKey: true,
    });
  }
}

const notForControlPlane = [
  "env",
  "runsOn",
  "resources",
  "isolation",
  "network",
  "lease",
  "onLeaseEnd",
  "onLost",
  "grace",
  "limits",
  "concurrency",
  "poll",
  "cache",
  "logs",
] as const;
const pollable = new Set(["http", "sql", "run", "python", "node", "uses"]);

function checkApplicable(id: string, action: ActionName, task: TaskSource, problems: ProblemList): void {
  if (controlPlaneActions.has(action)) {
    for (const key of notForControlPlane) {
      if (task[key] === undefined || task[key] === null) continue;
      problems.add({
        code: "not_applicable",
        detail: `${key} does not apply to ${action}, which runs on no agent`,
        path: ["tasks", id, key],
        atKey: true,
      });
    }
    for (const key of action === "workflow" ? (["outputs"] as const) : (["outputs", "with"] as const)) {
      if (task[key] === undefined) continue;
      problems.add({
        code: "not_applicable",
        detail: `${key} does not apply to ${action}, whose outputs are its own`,
        path: ["tasks", id, key],
        atKey: true,
      });
    }
  } else if (task.poll !== undefined && !pollable.has(action)) {
    problems.add({
      code: "not_applicable",
      detail: `poll does not apply to ${action}`,
      path: ["tasks", id, "poll"],
      atKey: true,
    });
  }
}

/** Fields of which exactly one must be there. */
const oneOf: Readonly<Partial<Record<ActionName, readonly string[]>>> = {
  run: ["script", "file"],
  python: ["call", "file", "inline"],
  node: ["file", "inline", "entry"],
  sql: ["query", "file"],
  wait: ["for", "until", "event"],
};

/** The fields of an action beside each other; a short form has but one. */
export function checkFields(action: ActionName, given: unknown, path: Path, problems: ProblemList): void {
  if (typeof given === "string") {
    checkLiterals(
      action,
      { [Object.hasOwn(shortField, action) ? shortField[action as AgentActionName] : "text"]: given },
      path,
      problems,
      true,
    ); // an own key
    if (action === "sql")
      problems.add({
        code: "missing_key",
        detail: "sql needs url beside the query",
        hint: "write sql: { url, query }",
        path,
      });
    return;
  }
  if (typeof given !== "object" || given === null) return;
  const names = oneOf[action] ?? [];
  const present = names.filter((name) => Object.hasOwn(given, name));
  if (names.length > 0 && present.length === 0) {
    problems.add({ code: "missing_key", detail: `${action} needs one of ${names.join(", ")}`, path, atKey: true });
  } else if (present[1] !== undefined) {
    problems.add({
      code: "bad_value",
      detail: `${action} takes one of ${names.join(", ")}, not ${present.join(" and ")}`,
      path: [...path, present[1]],
      atKey: true,
    });
  }
  if (action === "http") {
    const bodies = ["json", "body", "form", "file"].filter((name) => Object.hasOwn(given, name));
    if (bodies[1] !== undefined) {
      problems.add({
        code: "bad_value",
        detail: `http sends one of json, body, form, file, not ${bodies.join(" and ")}`,
        path: [...path, bodies[1]],
        atKey: true,
      });
    }
  }
  checkLiterals(action, given as Readonly<Record<string, unknown>>, path, problems, false); // a map
}

const scriptHint = "values arrive by env or with: a script with text put into it could be made to run that text";

function checkLiterals(
  action: ActionName,
  given: Readonly<Record<string, unknown>>,
  path: Path,
  problems: ProblemList,
  isShort: boolean,
): void {
  if (!Object.hasOwn(literalFields, action)) return;
  for (const field of literalFields[action as AgentActionName]) {
    // an own key
    const value = given[field];
    if (typeof value !== "string") continue;
    const where = isShort ? path : [...path, field];
    const wrong = literalProblem(action, field, value);
    if (wrong !== undefined) problems.add({ code: "bad_value", detail: wrong, path: where });
    const at = value.search(/(?<!\$)\$\{\{/);
    if (at < 0) continue;
    problems.add({
      code: "script_expression",
      detail: `${field} of ${action} takes no expression`,
      hint: scriptHint,
      path: where,
      within: { value, at },
    });
  }
}

/** Calls are `module:function`; files are named within the bundle, so no path may lead out of it. */
function literalProblem(action: ActionName, field: string, value: string): string | undefined {
  if (value.includes("${{")) return undefined;
  if (field === "call" && !/^[A-Za-z_][\w.]*:[A-Za-z_]\w*$/.test(value)) {
    return `${JSON.stringify(value.slice(0, 100))} is no call; write module:function`;
  }
  if (field !== "file") return undefined;
  const file = action === "node" ? value.replace(/#[A-Za-z_$][\w$]*$/, "") : value;
  const leadsOut =
    file.startsWith("/") ||
    /[\\:]/.test(file) ||
    file.split("/").some((part) => part === "" || part === "." || part === "..");
  return leadsOut ? `${JSON.stringify(value.slice(0, 100))} is no path within the code of the workflow` : undefined;
}

function checkTimes(id: string, task: CanonicalWorkflow["tasks"][string], problems: ProblemList): void {
  const lease = task.leaseMs ?? defaultLeaseMs;
  const grace = task.graceMs ?? defaultGraceMs;
  if (grace > lease / 2) {
    const key = task.graceMs === undefined ? "lease" : "grace";
    problems.add({
      code: "bad_value",
      detail: `${id}: grace (${grace / 1000}s) is at most half of the lease (${lease / 1000}s)`,
      path: ["tasks", id, key],
    });
  }
}

const hookActions = [
  "slack",
  "email",
  "pagerduty",
  "opsgenie",
  "webhook",
  "run",
  "python",
  "node",
  "http",
  "sql",
  "container",
  "uses",
  "notify",
] as const;

function checkHook(entry: Readonly<Record<string, unknown>>, path: Path, problems: ProblemList): void {
  const given = hookActions.filter((name) => entry[name] !== undefined);
  const [action, second] = given;
  if (action === undefined)
    problems.add({
      code: "no_action",
      detail: "this entry tells nobody and does nothing",
      hint: "give it slack, email, webhook, run, python, node, http or sql",
      path,
    });
  else if (second !== undefined)
    problems.add({
      code: "two_actions",
      detail: `this entry has ${given.join(" and ")}; write one entry each`,
      path: [...path, second],
      atKey: true,
    });
  else if (action === "run" || action === "python" || action === "node" || action === "http" || action === "sql")
    checkFields(action, entry[action], [...path, action], problems);
  checkPythonEnvironment(entry["python"], [...path, "python"], problems);
  const env = entry["env"];
  if (typeof env === "object" && env !== null)
    for (const name of Object.keys(env)) checkEnvName(name, [...path, "env", name], problems);
}
