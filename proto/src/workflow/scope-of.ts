// The scopes of one document: which variables each place sees, with the types that the document declares.
import {
  dynShape,
  intShape,
  shapeOf,
  stringShape,
  timestampShape,
  type FieldShape,
  type ObjectShape,
  type Shape,
} from "../expression/shape.ts";
import type { Scope } from "../expression/scope.ts";
import type { CanonicalAction, CanonicalTask, CanonicalWorkflow, HookName, ValueDeclaration } from "./canonical.ts";
import { givesOf, taskGivesOf } from "./gives.ts";
import { itemShape, prevShape } from "./item-shape.ts";
import { chainOf, isMapped } from "./mapping.ts";
import { parseHookKey } from "./task-of.ts";

/** Where an expression of a document can stand. */
export type Place =
  | "default"
  | "run"
  | "trigger"
  | "eventTrigger"
  | "workflowTrigger"
  | "webhookTrigger"
  | "task"
  | "if"
  | "list"
  | "runsOn"
  | "agent"
  | "output"
  | "control"
  | "event"
  | "poll"
  | HookName;

/** What a scope is made from: a canonical document has it, and a checker that has none yet can give it too. */
export interface Declarations {
  readonly inputs?: CanonicalWorkflow["inputs"] | undefined;
  readonly vars?: CanonicalWorkflow["vars"] | undefined;
  readonly secrets?: CanonicalWorkflow["secrets"] | undefined;
  readonly tasks: Readonly<
    Record<
      string,
      Pick<CanonicalTask, "forEach" | "matrix" | "minSuccess" | "if" | "poll"> & {
        readonly outputs?: Readonly<Record<string, ValueDeclaration>>;
        readonly action: CanonicalAction;
      }
    >
  >;
}

const made = new WeakMap<Declarations, Map<Place, Scope>>();

/** The scope of a place in a document. Made once for each. */
export function scopeAt(document: Declarations, place: Place): Scope {
  let scopes = made.get(document);
  if (scopes === undefined) {
    scopes = new Map();
    made.set(document, scopes);
  }
  let scope = scopes.get(place);
  if (scope === undefined) {
    scope = makeScope(document, place, scopes);
    scopes.set(place, scope);
  }
  return scope;
}

/** The scope of what a task's agent evaluates (`with`, `env`, fields of the action), by plain id or hook key. */
export const scopeOf = (document: Declarations, key: string): Scope =>
  scopeFor(document, key, parseHookKey(key)?.name ?? "task");

const madeFor = new WeakMap<Declarations, Map<string, Scope>>();

/** The scope of a place of one task: where it is mapped, with its item. Made once for each. */
export function scopeFor(document: Declarations, key: string, place: Place): Scope {
  const task = Object.hasOwn(document.tasks, key) ? document.tasks[key] : undefined;
  if (task === undefined || place === "list") return scopeAt(document, place);
  const polls = task.poll !== undefined && (place === "task" || place === "poll");
  if (!polls && !isMapped(task)) return scopeAt(document, place);
  let scopes = madeFor.get(document);
  if (scopes === undefined) {
    scopes = new Map();
    madeFor.set(document, scopes);
  }
  const name = `${place} ${key}`;
  let scope = scopes.get(name);
  if (scope === undefined) {
    const plain = scopeAt(document, place);
    const roots: Record<string, Shape> = { ...plain.roots };
    if (polls) addPollRoots(roots, document, key, place);
    if (isMapped(task)) {
      roots["index"] = intShape;
      roots["item"] = itemShape(document, key, scopeAt(document, "list"));
      const chain = place === "runsOn" ? undefined : chainOf(task);
      if (chain !== undefined) roots["prev"] = prevShape(outputsShape(document, chain));
    }
    scope = { ...plain, roots };
    scopes.set(name, scope);
  }
  return scope;
}

/** What a sensor sees of its polls: the number of this one, what the last one left, and in `until` what this one gave. */
function addPollRoots(roots: Record<string, Shape>, document: Declarations, key: string, place: Place): void {
  roots["poll"] = intShape;
  if (document.tasks[key]?.outputs?.["cursor"] !== undefined) roots["cursor"] = dynShape; // null at first
  if (place !== "poll") return;
  const { polls: _polls, ...fields } = outputsShape(document, key).fields;
  roots["result"] = { kind: "object", noun: "an output of this poll", fields };
}

const phrases: Readonly<Record<Place, string>> = {
  default: "in the default of an input",
  run: "here: the run does not exist yet",
  trigger: "in a trigger: the run does not exist yet",
  eventTrigger: "in a trigger: the run does not exist yet",
  workflowTrigger: "in a trigger: the run does not exist yet",
  webhookTrigger: "in a trigger: the run does not exist yet",
  task: "in a task",
  if: "in the condition of a task",
  runsOn: "in runsOn",
  list: "in the list of a task",
  agent: "in runsOn.expr",
  output: "in the outputs of the run",
  control: "in a task that no agent carries out",
  event: "in the condition of an event",
  poll: "in poll.until",
  onStart: "in onStart",
  onSuccess: "in onSuccess",
  onFailure: "in onFailure",
  onCancel: "in onCancel",
  onLate: "in onLate",
  onRecovery: "in onRecovery",
  onRetry: "in onRetry",
  onEnd: "in onEnd",
};

function makeScope(document: Declarations, place: Place, scopes: ReadonlyMap<Place, Scope>): Scope {
  if (place === "agent") return { place: phrases[place], roots: { agent: agentShape }, statusFunctions: false };
  const inputs = inputsShape(document);
  const roots: Record<string, Shape> = { vars: varsShape(document) };
  if (isTrigger(place)) {
    const seen = triggerShapeOf(triggerFields[place]);
    return { place: phrases[place], roots: { ...roots, run: askedRunShape, trigger: seen }, statusFunctions: false };
  }
  if (place !== "default") roots["inputs"] = inputs;
  if (place !== "runsOn") roots["run"] = runShape(place);
  if (place !== "default" && place !== "run" && place !== "runsOn") {
    // The types of all tasks are made once for all places.
    const sibling = [...scopes.values()].find((scope) => scope.roots["tasks"] !== undefined);
    roots["tasks"] = sibling?.roots["tasks"] ?? tasksShape(document);
  }
  if (place === "if") roots["needs"] = needsShape;
  if (
    place === "task" ||
    place === "if" ||
    place === "list" ||
    place === "control" ||
    place === "event" ||
    place === "poll"
  )
    roots["trigger"] = triggerShape;
  if (place === "event") roots["event"] = eventShape;
  if (place === "task" || place.startsWith("on")) {
    roots["attempt"] = attemptShape;
    roots["secrets"] = secretsShape(document);
  }
  return { place: phrases[place], roots, statusFunctions: place === "if" };
}

function inputsShape(document: Declarations): ObjectShape {
  const fields: Record<string, FieldShape> = {};
  for (const [name, declaration] of Object.entries(document.inputs ?? {})) {
    const optional = declaration.optional === true && declaration.default === undefined;
    fields[name] = { shape: shapeOf(declaration), optional };
  }
  return { kind: "object", noun: "an input", fields };
}

/** Variables are texts. */
const varsShape = (document: Declarations): ObjectShape => ({
  kind: "object",
  noun: "a declared variable",
  fields: Object.fromEntries((document.vars ?? []).map((name) => [name, { shape: stringShape }])),
});

function secretsShape(document: Declarations): ObjectShape {
  const fields: Record<string, FieldShape> = {};
  for (const name of Object.keys(document.secrets ?? {})) fields[name] = { shape: { kind: "secret" } };
  return { kind: "object", noun: "a declared secret", fields };
}

function tasksShape(document: Declarations): ObjectShape {
  const fields: Record<string, FieldShape> = {};
  for (const [id, task] of Object.entries(document.tasks)) {
    const outputs = outputsShape(document, id);
    fields[id] = {
      shape: {
        kind: "object",
        fields: {
          state: { shape: stringShape },
          ...(isMapped(task)
            ? { results: { shape: resultsShape(task, outputs) }, counts: { shape: countsShape } }
            : { outputs: { shape: outputs } }),
          attempts: { shape: intShape },
          cached: { shape: { kind: "bool" } },
        },
      },
    };
  }
  return { kind: "object", noun: "a task", fields };
}

function outputsShape(document: Declarations, id: string): ObjectShape {
  const fields: Record<string, FieldShape> = {};
  const task = Object.hasOwn(document.tasks, id) ? document.tasks[id] : undefined;
  if (task !== undefined) {
    for (const [name, declaration] of Object.entries({
      ...givesOf(task.action),
      ...task.outputs,
      ...taskGivesOf(task),
    })) {
      fields[name] = { shape: shapeOf(declaration) };
    }
  }
  // What a child gives is known to a deploy alone.
  const open = task !== undefined && "workflow" in task.action;
  return { kind: "object", noun: "an output", fields, ...(open ? { open } : {}) };
}

/** Outputs by index; a plain list where an index may end without them. */
const resultsShape = (task: Declarations["tasks"][string], outputs: ObjectShape): Shape => ({
  kind: "list",
  item:
    (task.minSuccess ?? "100%") === "100%" && task.if === undefined && chainOf(task) === undefined ? outputs : dynShape,
});

const countsShape: ObjectShape = {
  kind: "object",
  fields: Object.fromEntries(
    ["total", "succeeded", "failed", "skipped", "cancelled"].map((name) => [name, { shape: intShape }]),
  ),
};

/** What placement knows of an agent. */
const agentShape: ObjectShape = {
  kind: "object",
  fields: {
    labels: { shape: { kind: "map", value: stringShape } },
    name: { shape: stringShape },
    slots: { shape: intShape },
  },
};

const needsShape: ObjectShape = {
  kind: "object",
  fields: Object.fromEntries(
    ["total", "succeeded", "failed", "skipped", "cancelled"].map((name) => [name, { shape: intShape }]),
  ),
};

/** `data` is whatever the sender wrote. */
const eventShape: ObjectShape = {
  kind: "object",
  fields: {
    id: { shape: stringShape },
    type: { shape: stringShape },
    source: { shape: stringShape, optional: true },
    subject: { shape: stringShape, optional: true },
    at: { shape: timestampShape },
    data: { shape: dynShape },
  },
};

const attemptShape: ObjectShape = {
  kind: "object",
  fields: { number: { shape: intShape }, id: { shape: stringShape }, epoch: { shape: intShape } },
};

const triggerShape: ObjectShape = {
  kind: "object",
  fields: Object.fromEntries(
    ["kind", "id", "actor", "at", "body", "headers", "query", "event", "run", "assets"].map((name) => [
      name,
      { shape: dynShape, optional: true },
    ]),
  ),
};

const failureFields: Readonly<Record<string, FieldShape>> = {
  task: { shape: stringShape },
  index: { shape: dynShape },
  class: { shape: stringShape },
  message: { shape: stringShape },
  attempt: { shape: dynShape },
  agent: { shape: dynShape },
  url: { shape: stringShape },
};

const runFields: Readonly<Record<string, FieldShape>> = {
  id: { shape: stringShape },
  number: { shape: intShape },
  workflow: { shape: stringShape },
  version: { shape: stringShape },
  url: { shape: stringShape },
  attempt: { shape: intShape },
  scheduledAt: { shape: timestampShape },
  startedAt: { shape: timestampShape },
  duration: { shape: { kind: "duration" } },
  labels: { shape: { kind: "map", value: stringShape } },
  window: { shape: { kind: "object", fields: { start: { shape: timestampShape }, end: { shape: timestampShape } } } },
};

/** What is known of a run that is about to be asked for. */
const askedRunShape: ObjectShape = {
  kind: "object",
  fields: Object.fromEntries(
    Object.entries(runFields).filter(([name]) => ["workflow", "version", "scheduledAt", "window"].includes(name)),
  ),
};

/** What a trigger sees of what fired it, by its kind. */
const triggerFields = {
  trigger: {},
  eventTrigger: { event: { shape: eventShape } },
  workflowTrigger: {
    run: {
      shape: {
        kind: "object",
        fields: {
          id: { shape: stringShape },
          name: { shape: stringShape },
          workflow: { shape: stringShape },
          outcome: { shape: stringShape },
          outputs: { shape: dynShape },
        },
      },
    },
  },
  webhookTrigger: {
    body: { shape: dynShape },
    headers: { shape: { kind: "map", value: stringShape } },
    query: { shape: { kind: "map", value: stringShape } },
    // Only of a CloudEvent.
    event: { shape: dynShape, optional: true },
  },
} as const satisfies Partial<Record<Place, Readonly<Record<string, FieldShape>>>>;

const isTrigger = (place: Place): place is keyof typeof triggerFields => Object.hasOwn(triggerFields, place);

const triggerShapeOf = (more: Readonly<Record<string, FieldShape>>): ObjectShape => ({
  kind: "object",
  fields: { kind: { shape: stringShape }, id: { shape: stringShape }, at: { shape: timestampShape }, ...more },
});

function runShape(place: Place): ObjectShape {
  if (!place.startsWith("on")) return { kind: "object", fields: runFields };
  const failure: Shape = { kind: "object", fields: failureFields };
  return {
    kind: "object",
    fields: {
      ...runFields,
      state: { shape: stringShape },
      ...(place === "onFailure" || place === "onRetry"
        ? { failure: { shape: failure } }
        : place === "onEnd" || place === "onLate"
          ? { failure: { shape: failure, optional: true } }
          : {}),
    },
  };
}
