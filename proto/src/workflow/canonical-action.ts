// Actions in their long form.
import { canonicalText } from "../expression/template.ts";
import type { CanonicalAction, Notifier } from "./canonical.ts";
import { approvalOf, waitOf, workflowActionOf } from "./control-action.ts";
import type { HookSource } from "./hook-schema.ts";
import { dynamicJson, present } from "./present.ts";
import { parseSize } from "./scalar-schema.ts";
import type { TaskSource } from "./task-schema.ts";

/** The field meant by the short text form of each action that this release runs. */
export const shortField = { run: "script", python: "call", node: "file", http: "url", sql: "query" } as const;
export type AgentActionName = keyof typeof shortField;

/** Fields of actions and notifiers that hold literal text: an expression there would be code (`script_expression`). */
export const literalFields: Readonly<Record<AgentActionName, readonly string[]>> = {
  run: ["script", "file"],
  python: ["call", "file", "inline"],
  node: ["file", "inline", "entry"],
  http: [],
  sql: ["query", "file"],
};
/** Fields that are neither literal code nor expressions: plain settings, of any action or of one. */
const settings = new Set([
  "shell",
  "environment",
  "warm",
  "expect",
  "followRedirects",
  "maxBytes",
  "ca",
  "html",
  "sql.result",
  "sql.format",
  "sql.maxRows",
  "sql.transaction",
  "pagerduty.severity",
  "pagerduty.event",
  "opsgenie.priority",
  "opsgenie.region",
  "opsgenie.close",
]);

/** Whether a field of an action or a notifier may hold expressions. */
export const isDynamicField = (action: string, field: string): boolean =>
  !settings.has(field) &&
  !settings.has(`${action}.${field}`) &&
  !(Object.hasOwn(literalFields, action) && literalFields[action as AgentActionName].includes(field)); // an own key

type Fields = Readonly<Record<string, unknown>>;

const longForm = (action: AgentActionName, given: string | Fields): Fields =>
  typeof given === "string" ? { [shortField[action]]: given } : given;

function fieldsOf(action: string, given: Fields): Fields {
  const fields: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (field === "maxBytes") fields[field] = parseSize(value as string | number); // by the schema
    else fields[field] = isDynamicField(action, field) ? dynamicJson(value) : value;
  }
  return fields;
}

function notifierOf(given: Fields): Notifier {
  const [name, fields] = Object.entries(given).find(([, value]) => value !== undefined) ?? ["slack", {}];
  const long = fieldsOf(name, fields as Fields); // a notifier is a map
  // `to` and `cc` may be one address.
  for (const field of ["to", "cc"]) {
    const value = given["email"] === undefined ? undefined : (fields as Fields)[field]; // as above
    if (typeof value === "string") {
      const text = canonicalText(value);
      (long as Record<string, unknown>)[field] = typeof text === "object" && "$expr" in text ? text : [text]; // made above
    }
  }
  return { [name]: long } as unknown as Notifier; // the schema has checked name and fields
}

const agentActions = ["run", "python", "node", "http", "sql"] as const;

function agentActionOf(source: Pick<TaskSource, AgentActionName | "notify">): CanonicalAction | undefined {
  for (const action of agentActions) {
    const given = source[action];
    if (given !== undefined)
      return { [action]: fieldsOf(action, longForm(action, given)) } as unknown as CanonicalAction; // as the schema says
  }
  return source.notify === undefined ? undefined : { notify: notifierOf(source.notify) };
}

function controlActionOf(source: Pick<TaskSource, "wait" | "approval" | "workflow">): CanonicalAction | undefined {
  const { wait, approval, workflow } = source;
  if (wait !== undefined) return { wait: waitOf(wait) };
  if (approval !== undefined) return { approval: approvalOf(approval) };
  return workflow === undefined ? undefined : { workflow: workflowActionOf(workflow) };
}

/** The action of a task. One that this release does not run was refused; an empty `run` stands in its place. */
export const actionOf = (source: TaskSource): CanonicalAction =>
  agentActionOf(source) ?? controlActionOf(source) ?? { run: {} };

export function hookActionOf(source: HookSource): CanonicalAction {
  const { slack, email, pagerduty, opsgenie, webhook } = source;
  const notifier = present({ slack, email, pagerduty, opsgenie, webhook });
  if (Object.keys(notifier).length > 0) return { notify: notifierOf(notifier) };
  return agentActionOf(source) ?? { run: {} };
}
