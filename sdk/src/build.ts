// Records what a workflow's function is told, as the parts of the document.
import { BuildError } from "./errors.ts";
import type { Matrix } from "./handle.ts";
import { placeOfCall, type Place } from "./place.ts";
import { refTo, secretTo } from "./ref.ts";
import { inputsOf } from "./schema.ts";
import { conditionOf, sourceMapOf, sourceOf, type Source, type SourceMap } from "./source.ts";
import type { NodeHandler, TaskDefinition } from "./task.ts";
import type { Ref, Secret } from "./value.ts";
import type * as z from "zod";

type Options = Readonly<Record<string, unknown>>;
type AnyDefinition = Pick<TaskDefinition<never, unknown>, "action" | "outputs" | "handler">;

/** What a build leaves. */
export interface Recorded {
  readonly tasks: ReadonlyMap<string, SourceMap>;
  readonly hooks: ReadonlyMap<string, readonly Source[]>;
  readonly variables: ReadonlySet<string>;
  readonly places: ReadonlyMap<string, Place>;
  /** Task id → its function. */
  readonly handlers: ReadonlyMap<string, NodeHandler>;
  /** As the document has them: a map, or a list of names where all are the project's. */
  readonly secretsUsed: () => Source | undefined;
}

type Called = (...given: never[]) => unknown;

const bareKeys = ["if", "until"] as const;

/** Options as keys of the document. Conditions are bare, needs are ids. */
function optionsOf(options: Options, path: string): Record<string, Source> {
  const made: Record<string, Source> = {};
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const at = `${path}.${key}`;
    if (key === "needs" && Array.isArray(value)) made[key] = value.map((need) => idOf(need, at));
    else if (key === "if") made[key] = conditionOf(value, at);
    else if ((key === "poll" || key === "runsOn") && isPlainMap(value)) made[key] = withBare(value, at);
    else if (key === "hooks" && isPlainMap(value)) made[key] = hooksOf(value, at);
    else made[key] = sourceOf(value, at);
  }
  return made;
}

const isPlainMap = (value: unknown): value is Options =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** A map in which `until`, `expr` and `if` are bare CEL. */
function withBare(map: Options, path: string): Record<string, Source> {
  const made: Record<string, Source> = {};
  for (const [key, value] of Object.entries(map)) {
    if (value === undefined) continue;
    made[key] =
      [...bareKeys, "expr"].includes(key) && typeof value !== "string"
        ? conditionOf(value, `${path}.${key}`)
        : sourceOf(value, `${path}.${key}`);
  }
  return made;
}

const hooksOf = (hooks: Options, path: string): SourceMap =>
  Object.fromEntries(
    Object.entries(hooks).map(([name, entries]) => [
      name,
      Array.isArray(entries)
        ? entries.map((entry: unknown, i) => (isPlainMap(entry) ? optionsOf(entry, `${path}.${name}[${i}]`) : null))
        : sourceOf(entries, `${path}.${name}`),
    ]),
  );

function idOf(need: unknown, path: string): string {
  if (typeof need === "string") return need;
  if (typeof need === "object" && need !== null && "id" in need && typeof need.id === "string") return need.id;
  throw new BuildError("unknown_task", `${path} takes tasks and ids of tasks`);
}

/** The functions and references of one build. It is handed to the author's function as it is. */
export class Recorder implements Recorded {
  readonly tasks = new Map<string, SourceMap>();
  readonly hooks = new Map<string, readonly Source[]>();
  readonly variables = new Set<string>();
  readonly places = new Map<string, Place>();
  readonly handlers = new Map<string, NodeHandler>();
  readonly inputs = refTo(["inputs"]);
  readonly run = refTo(["run"]);
  readonly needs = refTo(["needs"]);
  readonly trigger = refTo(["trigger"]);
  readonly result = refTo(["result"]);
  readonly cursor = refTo(["cursor"]);
  readonly poll = refTo(["poll"]);
  readonly #bundle: string;
  readonly #declared: Readonly<Record<string, string>>;
  readonly #secrets = new Set<string>();

  constructor(bundle: string, declared: Readonly<Record<string, string>>) {
    this.#bundle = bundle;
    this.#declared = declared;
  }

  readonly secret = (name: string): Secret => {
    this.#secrets.add(name);
    return secretTo(name);
  };

  readonly vars = (name: string): Ref<string> => {
    this.variables.add(name);
    return refTo(["vars", name]);
  };

  secretsUsed = (): Source | undefined => {
    const declared = this.#declared;
    const others = [...this.#secrets].filter((name) => !Object.hasOwn(declared, name));
    if (others.length === 0) return Object.keys(declared).length === 0 ? undefined : declared;
    if (Object.keys(declared).length > 0)
      throw new BuildError(
        "unknown_name",
        `secrets has no ${others.join(", ")}; name the reference of each, or of none`,
      );
    return others;
  };

  readonly task = (id: string, definition: AnyDefinition, given: object = {}, options: Options = {}): object => {
    this.#add(this.task, id, definition, given, options);
    return this.#handle(id);
  };

  readonly map = (
    id: string,
    items: unknown,
    definition: AnyDefinition,
    given: (item: unknown, index: unknown) => object,
    options: Options = {},
  ): object => {
    const matrix = matrixOf(items);
    const over =
      matrix === undefined
        ? { forEach: sourceOf(items, `${id}.forEach`) }
        : { matrix: sourceMapOf(matrix, `${id}.matrix`) };
    this.#add(this.map, id, definition, given(refTo(["item"]), refTo(["index"])), options, over);
    return this.#mapped(id);
  };

  readonly chain = (
    id: string,
    before: { readonly id: string },
    definition: AnyDefinition,
    given: (previous: unknown, item: unknown, index: unknown) => object,
    options: Options = {},
  ): object => {
    const values = given(refTo(["prev"]), refTo(["item"]), refTo(["index"]));
    this.#add(this.chain, id, definition, values, options, { forEach: { chain: before.id } });
    return this.#mapped(id);
  };

  readonly child = (
    id: string,
    workflow: string | { readonly name: string },
    given: object = {},
    options: Options = {},
  ): object => {
    const { version, wait, ...rest } = options;
    const name = typeof workflow === "string" ? workflow : workflow.name;
    const isShort = version === undefined && wait === undefined;
    this.#add(
      this.child,
      id,
      { action: { workflow: isShort ? name : { name, version, wait } }, outputs: undefined, handler: undefined },
      given,
      rest,
    );
    return this.#handle(id);
  };

  readonly approval = (
    id: string,
    request: Options & { readonly form?: z.ZodObject },
    options: Options = {},
  ): object => {
    const { form, ...rest } = request;
    const approval = { ...rest, form: form === undefined ? undefined : inputsOf(form, `${id}.form`) };
    this.#add(this.approval, id, { action: { approval }, outputs: undefined, handler: undefined }, {}, options);
    return this.#handle(id);
  };

  readonly wait = (id: string, request: Options, options: Options = {}): object => {
    const { event } = request;
    const wait = isPlainMap(event) ? { event: withBare(event, `${id}.wait.event`) } : request;
    this.#add(this.wait, id, { action: { wait }, outputs: undefined, handler: undefined }, {}, options);
    return this.#handle(id);
  };

  readonly onStart = (...entries: readonly Options[]): void => this.#hook(this.onStart, "onStart", entries);
  readonly onSuccess = (...entries: readonly Options[]): void => this.#hook(this.onSuccess, "onSuccess", entries);
  readonly onFailure = (...entries: readonly Options[]): void => this.#hook(this.onFailure, "onFailure", entries);
  readonly onCancel = (...entries: readonly Options[]): void => this.#hook(this.onCancel, "onCancel", entries);
  readonly onLate = (...entries: readonly Options[]): void => this.#hook(this.onLate, "onLate", entries);
  readonly onRecovery = (...entries: readonly Options[]): void => this.#hook(this.onRecovery, "onRecovery", entries);
  readonly onEnd = (...entries: readonly Options[]): void => this.#hook(this.onEnd, "onEnd", entries);

  #hook(called: Called, name: string, entries: readonly Options[]): void {
    const before = this.hooks.get(name) ?? [];
    const place = placeOfCall(called);
    if (place !== undefined)
      for (const i of entries.keys()) this.places.set(`/hooks/${name}/${before.length + i}`, place);
    this.hooks.set(name, [...before, ...entries.map((entry, i) => optionsOf(entry, `${name}[${before.length + i}]`))]);
  }

  #add(
    called: Called,
    id: string,
    definition: AnyDefinition,
    given: object,
    options: Options,
    over: SourceMap = {},
  ): void {
    if (this.tasks.has(id)) throw new BuildError("duplicate_key", `the task ${id} is there twice`);
    const place = placeOfCall(called);
    if (place !== undefined) this.places.set(`/tasks/${id}`, place);
    const values = sourceMapOf(given, `${id}.with`);
    const { outputs } = definition;
    this.tasks.set(id, {
      ...this.#actionOf(id, definition),
      ...over,
      ...(Object.keys(values).length === 0 ? {} : { with: values }),
      ...optionsOf(options, id),
      ...(outputs === undefined || Object.keys(outputs).length === 0
        ? {}
        : { outputs: sourceOf(outputs, `${id}.outputs`) }),
    });
  }

  #actionOf(id: string, { action, handler }: AnyDefinition): SourceMap {
    if (handler === undefined) return sourceMapOf(action, id);
    this.handlers.set(id, handler);
    const node = isPlainMap(action["node"]) ? action["node"] : {};
    return { node: { entry: `${this.#bundle}#${id}`, ...sourceMapOf(node, id) } };
  }

  #handle(id: string): object {
    const at = (...path: readonly string[]): unknown => refTo(["tasks", id, ...path]);
    return { id, outputs: at("outputs"), state: at("state"), cached: at("cached"), attempts: at("attempts") };
  }

  #mapped(id: string): object {
    const at = (...path: readonly string[]): unknown => refTo(["tasks", id, ...path]);
    return { id, results: at("results"), counts: at("counts"), state: at("state") };
  }
}

const matrices = new WeakMap<object, Readonly<Record<string, unknown>>>();
const matrixOf = (items: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof items === "object" && items !== null ? matrices.get(items) : undefined;

type ItemOf<Lists> = { readonly [Key in keyof Lists]: Lists[Key] extends readonly (infer Item)[] ? Item : never };

/** Every combination of the lists' items, as the items of `map`. */
export function matrix<const Lists extends Readonly<Record<string, readonly unknown[]>>>(
  lists: Lists,
  options: { readonly include?: readonly object[]; readonly exclude?: readonly object[] } = {},
): Matrix<ItemOf<Lists>> {
  const made: Matrix<ItemOf<Lists>> = { matrix: { ...lists, ...options } };
  matrices.set(made, made.matrix);
  return made;
}
