// Every expression of a document, at its place: syntax, names, types, secrets, and outputs that may be absent.
import { checkExpression } from "../expression/guard.ts";
import { referencesOf, statusCallsIn } from "../expression/references.ts";
import type { Scope } from "../expression/scope.ts";
import { parseTree } from "../expression/syntax.ts";
import { bareExpression, parseTemplate, soleExpression, type TemplateExpression } from "../expression/template.ts";
import { checkAbsent, type Add } from "./check-absent.ts";
import { isDynamicField } from "./canonical-action.ts";
import { hookNames, taskHookNames, type CanonicalWorkflow, type HookName } from "./canonical.ts";
import type { HookSource } from "./hook-schema.ts";
import { joinOf } from "./defaults.ts";
import type { ProblemList } from "./problems.ts";
import type { WorkflowSource } from "./schema.ts";
import { scopeAt, scopeFor, type Declarations, type Place } from "./scope-of.ts";
import { sureAtEnd } from "./sure.ts";
import type { TaskSource } from "./task-schema.ts";
import { placeOfTrigger } from "./triggers.ts";
import { partProblem, wholeProblem, type Wanted } from "./wanted.ts";
import { isWholeSecret } from "./whole-secret.ts";

type Path = readonly (string | number)[];

interface Spot {
  readonly place: Place;
  readonly wanted: Wanted;
  readonly path: Path;
  /** True for the fields that a secret may fill as a whole. */
  readonly secrets: boolean;
  /** Whether a task's outputs are there for certain when this is evaluated. */
  readonly sure: (task: string) => boolean;
  /** The task that it stands in. */
  readonly task?: string;
}

const never = (): boolean => false;
const actionFields = ["run", "python", "node", "http", "sql"] as const;
const notifiers = ["slack", "email", "pagerduty", "opsgenie", "webhook"] as const;
const secretFields = new Set(["headers", "auth", "token", "smtp", "sign", "routingKey", "apiKey"]);
const listFields = new Set(["to", "cc"]);
const anyFields = new Set(["json", "query", "form", "file", "attach", "params"]);

export class ExpressionChecker {
  readonly #source: WorkflowSource;
  readonly #document: CanonicalWorkflow;
  readonly #declarations: Declarations;
  readonly #problems: ProblemList;

  constructor(
    source: WorkflowSource,
    document: CanonicalWorkflow,
    declaredSecrets: Readonly<Record<string, string>>,
    problems: ProblemList,
  ) {
    this.#source = source;
    this.#document = document;
    // The canonical form keeps only the secrets that are used; a check needs those that are declared.
    const { inputs, tasks, vars } = document;
    this.#declarations = { inputs, tasks, vars, secrets: declaredSecrets };
    this.#problems = problems;
  }

  checkAll(): void {
    const source = this.#source;
    for (const [name, input] of Object.entries(source.inputs ?? {})) {
      if (typeof input === "object")
        this.#tree(input["default"], {
          place: "default",
          wanted: "any",
          path: ["inputs", name, "default"],
          secrets: false,
          sure: never,
        });
    }
    for (const [name, value] of Object.entries(source.labels ?? {}))
      this.#tree(value, { place: "run", wanted: "text", path: ["labels", name], secrets: false, sure: never });
    if (typeof source.priority === "string")
      this.#tree(source.priority, { place: "run", wanted: "integer", path: ["priority"], secrets: false, sure: never });
    this.#tree(source.concurrency?.key, {
      place: "run",
      wanted: "text",
      path: ["concurrency", "key"],
      secrets: false,
      sure: never,
    });
    this.#tree(source.fairnessKey, {
      place: "run",
      wanted: "text",
      path: ["fairnessKey"],
      secrets: false,
      sure: never,
    });
    this.#triggers();
    for (const [id, task] of Object.entries(source.tasks)) this.#task(id, task);
    const sure = sureAtEnd(this.#document);
    for (const [name, output] of Object.entries(source.outputs ?? {})) {
      const long = typeof output === "object";
      this.#tree(long ? output.value : output, {
        place: "output",
        wanted: "any",
        path: long ? ["outputs", name, "value"] : ["outputs", name],
        secrets: false,
        sure: (id) => sure.has(id),
      });
    }
    const { hooks } = source;
    for (const name of hookNames)
      this.#hooks(name, hooks?.[name], ["hooks", name], (id) => name === "onSuccess" && sure.has(id));
    for (const [id, task] of Object.entries(source.tasks)) {
      for (const name of taskHookNames)
        this.#hooks(
          name,
          task.hooks?.[name],
          ["tasks", id, "hooks", name],
          (one) => name === "onSuccess" && one === id,
        );
    }
  }

  #triggers(): void {
    for (const [index, trigger] of (this.#source.triggers ?? []).entries()) {
      const { inputs, labels, if: condition, webhook } = trigger;
      const path = ["triggers", index];
      const spot = { place: placeOfTrigger(trigger), secrets: false, sure: never } as const;
      if (webhook?.dedupe !== undefined)
        this.#text(webhook.dedupe, { ...spot, wanted: "text", path: [...path, "webhook", "dedupe"] });
      this.#tree(inputs, { ...spot, wanted: "any", path: [...path, "inputs"] });
      for (const [name, value] of Object.entries(labels ?? {}))
        this.#tree(value, { ...spot, wanted: "text", path: [...path, "labels", name] });
      if (condition !== undefined) this.#condition(condition, [...path, "if"], spot.place, never);
    }
  }

  #task(id: string, task: TaskSource): void {
    const canonical = this.#document.tasks[id];
    const sure = (need: string): boolean =>
      canonical !== undefined &&
      joinOf(canonical) === "all_success" &&
      this.#document.tasks[need]?.allowFailure !== true;
    const path: Path = ["tasks", id];
    this.#agentFields(task, path, "task", sure, id);
    if (task.concurrency !== undefined)
      this.#tree(task.concurrency.key, {
        place: "runsOn",
        wanted: "text",
        path: [...path, "concurrency", "key"],
        secrets: false,
        sure: never,
        task: id,
      });
    this.#inherited(id, task, sure);
    if (task.wait !== undefined) this.#wait(id, task.wait, [...path, "wait"], sure);
    if (task.poll?.until !== undefined) this.#condition(task.poll.until, [...path, "poll", "until"], "poll", sure, id);
    if (task.cache?.key !== undefined)
      this.#text(task.cache.key, { ...control(sure, id), wanted: "any", path: [...path, "cache", "key"] });
    this.#approval(id, task.approval, [...path, "approval"], sure);
    if (task.if !== undefined) this.#condition(task.if, [...path, "if"], "if", sure, id);
    this.#lists(task, path, sure);
    if (canonical?.if !== undefined) this.#constant(id, canonical);
  }

  /** The lists of a mapped task. */
  #lists(task: TaskSource, path: Path, sure: (task: string) => boolean): void {
    const spot = { place: "list", wanted: "any", secrets: false, sure } as const;
    if (Array.isArray(task.forEach)) this.#tree(task.forEach, { ...spot, path: [...path, "forEach"] });
    else if (typeof task.forEach === "string")
      this.#tree(task.forEach, { ...spot, wanted: "list", path: [...path, "forEach"] });
    for (const [key, list] of Object.entries(task.matrix ?? {})) {
      const wanted: Wanted = typeof list === "string" ? "list" : "any";
      this.#tree(list, { ...spot, wanted, path: [...path, "matrix", key] });
    }
  }

  #approval(task: string, given: TaskSource["approval"], path: Path, sure: (task: string) => boolean): void {
    const spot = control(sure, task);
    if (typeof given === "string") return this.#text(given, { ...spot, path });
    for (const field of ["title", "message"] as const) {
      const value = given?.[field];
      if (value !== undefined) this.#text(value, { ...spot, path: [...path, field] });
    }
  }

  #wait(task: string, given: NonNullable<TaskSource["wait"]>, path: Path, sure: (task: string) => boolean): void {
    const spot = control(sure, task);
    if (typeof given === "string") return this.#text(given, { ...spot, path });
    for (const field of ["for", "until"] as const) {
      const value = given[field];
      if (value !== undefined) this.#text(value, { ...spot, path: [...path, field] });
    }
    if (given.event === undefined) return;
    this.#text(given.event.type, { ...spot, path: [...path, "event", "type"] });
    if (given.event.if !== undefined) this.#condition(given.event.if, [...path, "event", "if"], "event", sure, task);
  }

  /** `env` and `runsOn`, of which `defaults` may give a part. */
  #inherited(id: string, task: TaskSource, sure: (task: string) => boolean): void {
    const given = this.#source.defaults;
    const at = (own: unknown, key: "env" | "runsOn", name: string): Path =>
      typeof own === "object" && own !== null && Object.hasOwn(own, name)
        ? ["tasks", id, key, name]
        : ["defaults", key, name];
    if (task.env !== null) {
      for (const [name, value] of Object.entries({ ...given?.env, ...task.env })) {
        this.#tree(value, {
          place: "task",
          wanted: "env",
          path: at(task.env, "env", name),
          secrets: true,
          sure,
          task: id,
        });
      }
    }
    if (task.runsOn !== null) {
      for (const [name, value] of Object.entries({ ...given?.runsOn, ...task.runsOn }))
        this.#runsOn(name, value, at(task.runsOn, "runsOn", name), id);
    }
  }

  /** One key of `runsOn`: of ours, or a label. */
  #runsOn(name: string, value: unknown, path: Path, task?: string): void {
    if (name === "expr") return this.#condition(String(value), path, "agent", never);
    if (name === "pool") return this.#literal(value, path, "pool");
    const spot = {
      place: "runsOn",
      wanted: "text",
      secrets: false,
      sure: never,
      ...(task === undefined ? {} : { task }),
    } as const;
    if (name !== "prefer") return this.#tree(value, { ...spot, path });
    // Of a preference, the labels may hold expressions; which task `sameAs` names is asked with the graph.
    for (const [index, one] of (Array.isArray(value) ? value : []).entries())
      this.#tree((one as { readonly labels?: unknown }).labels, { ...spot, path: [...path, index, "labels"] }); // by the schema
  }

  #hooks(name: HookName, entries: readonly HookSource[] | undefined, at: Path, sure: (task: string) => boolean): void {
    for (const [index, entry] of (entries ?? []).entries()) {
      const path: Path = [...at, index];
      this.#agentFields(entry, path, name, sure);
      for (const notifier of notifiers)
        this.#fields(notifier, entry[notifier], [...path, notifier], { place: name, sure });
      for (const [variable, value] of Object.entries(entry.env ?? {}))
        this.#tree(value, { place: name, wanted: "env", path: [...path, "env", variable], secrets: true, sure });
      for (const [label, value] of Object.entries(entry.runsOn ?? {}))
        this.#runsOn(label, value, [...path, "runsOn", label]);
      if (entry.if !== undefined) this.#condition(entry.if, [...path, "if"], name, sure);
    }
  }

  #agentFields(
    source: Pick<TaskSource, (typeof actionFields)[number] | "notify" | "with">,
    path: Path,
    place: Place,
    sure: (task: string) => boolean,
    task?: string,
  ): void {
    const within = task === undefined ? { place, sure } : { place, sure, task };
    // What a child gets is evaluated by the control plane, which has no secret.
    const isChild = "workflow" in source && source.workflow !== undefined && task !== undefined;
    const spot = isChild
      ? { ...control(sure, task), wanted: "any" as const }
      : { ...within, wanted: "any" as const, secrets: true };
    for (const [name, value] of Object.entries(source.with ?? {}))
      this.#tree(value, { ...spot, path: [...path, "with", name] });
    for (const action of actionFields) this.#fields(action, source[action], [...path, action], within);
    for (const notifier of notifiers)
      this.#fields(notifier, source.notify?.[notifier], [...path, "notify", notifier], within);
  }

  #fields(action: string, given: unknown, path: Path, within: Pick<Spot, "place" | "sure" | "task">): void {
    // The short form of http is its url; those of the others are literal, and check-graph.ts has looked at them.
    if (typeof given === "string") {
      if (action === "http") this.#tree(given, { ...within, wanted: "text", path, secrets: false });
      return;
    }
    if (typeof given !== "object" || given === null) return;
    for (const [field, value] of Object.entries(given)) {
      if (!isDynamicField(action, field)) continue;
      const wanted: Wanted = anyFields.has(field) ? "any" : listFields.has(field) ? "texts" : "text";
      const secrets =
        secretFields.has(field) || (action === "slack" && field === "webhook") || (action === "sql" && field === "url");
      this.#tree(value, { ...within, wanted, path: [...path, field], secrets });
    }
  }

  #tree(value: unknown, spot: Spot): void {
    if (typeof value === "string") this.#text(value, spot);
    else if (Array.isArray(value))
      for (const [index, item] of value.entries()) this.#tree(item, { ...spot, path: [...spot.path, index] });
    else if (typeof value === "object" && value !== null)
      for (const [key, item] of Object.entries(value)) this.#tree(item, { ...spot, path: [...spot.path, key] });
  }

  #literal(value: unknown, path: Path, name: string): void {
    if (typeof value !== "string" || !value.includes("${{")) return;
    this.#problems.add({
      code: "script_expression",
      detail: `${name} is a literal and takes no expression`,
      path,
      within: { value, at: value.indexOf("${{") },
    });
  }

  #text(value: string, spot: Spot): void {
    if (!value.includes("${{")) return;
    const template = parseTemplate(value);
    if (template.error !== undefined) {
      this.#problems.add({
        code: "expression_syntax",
        detail: template.error.detail,
        path: spot.path,
        within: { value, at: template.error.at },
      });
      return;
    }
    const sole = soleExpression(template.parts);
    for (const part of template.parts)
      if (typeof part === "object") this.#expression(part, value, { ...spot, sole: sole !== undefined });
  }

  #condition(value: string | boolean, path: Path, place: Place, sure: (task: string) => boolean, task?: string): void {
    if (typeof value === "boolean") {
      this.#problems.add({
        code: "condition_constant",
        detail: `the condition is always ${String(value)}`,
        path,
        severity: "warning",
      });
      return;
    }
    const type = this.#expression(bareExpression(value), value, {
      place,
      wanted: "any",
      path,
      secrets: false,
      sure,
      sole: true,
      ...(task === undefined ? {} : { task }),
    });
    if (type !== undefined && type !== "bool" && type !== "dyn") {
      this.#problems.add({
        code: "type_mismatch",
        detail: `a condition needs bool, and this is ${type}`,
        path,
        within: { value, at: 0 },
      });
    }
  }

  /** Reports what is wrong with one expression, and tells its type where nothing is. */
  #expression(
    expression: TemplateExpression,
    value: string,
    spot: Spot & { readonly sole: boolean },
  ): string | undefined {
    const text = expression.source;
    const add = (code: string, detail: string, at: number, hint?: string): void => {
      this.#problems.add({ code, detail, hint, path: spot.path, within: { value, at: expression.at + at } });
    };
    const { problems, type } = checkExpression(text, this.#scopeOf(spot));
    for (const { code, detail, at, hint } of problems) add(code, detail, at, hint);
    if (problems.some((problem) => problem.code === "expression_syntax" || problem.code === "expression_too_complex"))
      return undefined;
    this.#secrets(text, spot, add);
    checkAbsent(text, spot, this.#declarations, add);
    if (type === undefined) return undefined;
    const wrong = spot.sole ? wholeProblem(type, spot.wanted) : partProblem(type);
    if (wrong !== undefined) add(spot.wanted === "list" ? "type_mismatch" : "not_text", wrong, 0);
    return type;
  }

  #scopeOf(spot: Spot): Scope {
    if (spot.task === undefined) return scopeAt(this.#declarations, spot.place);
    return scopeFor(this.#declarations, spot.task, spot.place);
  }

  #secrets(text: string, spot: Spot & { readonly sole: boolean }, add: Add): void {
    const used = referencesOf(text).filter((reference) => reference.root === "secrets");
    const [first] = used;
    if (first === undefined) return;
    const scope = this.#scopeOf(spot);
    if (scope.roots["secrets"] === undefined) return; // reported as not available here
    if (!spot.secrets)
      add(
        "secret_misplaced",
        "a secret cannot stand in this field",
        first.at,
        "put it into env or with, or into a field for secrets",
      );
    else if (!spot.sole || !isWholeSecret(parseTree(text))) {
      add(
        "secret_misplaced",
        "a secret is passed on whole: secrets.NAME alone, or one of two by a condition",
        first.at,
        "a text with a secret in it would hide what is secret",
      );
    }
  }

  #constant(id: string, task: CanonicalWorkflow["tasks"][string]): void {
    const calls = task.if === undefined ? [] : statusCallsIn(task.if.$expr);
    if (task.join === "all_success" && calls.includes("failure")) {
      this.#problems.add({
        code: "condition_constant",
        detail: `failure() is never true under join: all_success`,
        hint: "leave join out, or write all_done",
        path: ["tasks", id, "if"],
        severity: "warning",
      });
    }
    if (task.if?.$expr === "true" || task.if?.$expr === "false") {
      this.#problems.add({
        code: "condition_constant",
        detail: `the condition is always ${task.if.$expr}`,
        path: ["tasks", id, "if"],
        severity: "warning",
      });
    }
  }
}

/** The fields of a task that no agent carries out. */
const control = (sure: (task: string) => boolean, task: string): Omit<Spot, "path"> => ({
  place: "control",
  wanted: "text",
  secrets: false,
  sure,
  task,
});
