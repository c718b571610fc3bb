// A workflow in TypeScript: a function that is run when the workflow is built, and only records what it is told.
//  W1. What it records is the document that YAML would be: the same checker reads it, and equal content has one digest.
//  W2. It runs twice. What differs between two runs depends on time, chance or the machine, and is refused.
//  W3. Nothing runs when the module is loaded, so an agent may load it for the functions in it.
import type * as z from "zod";
import { Recorder, type Recorded } from "./build.ts";
import type { Build } from "./build-types.ts";
import { BuildError } from "./errors.ts";
import type { WorkflowConfig } from "./options.ts";
import { placeOfCall, type Place } from "./place.ts";
import { inputsOf } from "./schema.ts";
import { sourceMapOf, sourceOf, type Source, type SourceMap } from "./source.ts";
import type { NodeCall } from "./task.ts";
import type { Value, WithOf } from "./value.ts";

/** How any copy of this package knows a workflow. */
export const workflowMark: unique symbol = Symbol.for("capstan.workflow");

type RunOutput =
  | Value<unknown>
  | string
  | number
  | boolean
  | { readonly value: unknown; readonly type?: string; readonly description?: string };
export type RunOutputs = Readonly<Record<string, RunOutput>>;

/** A workflow and what the build wants to know of it. */
export interface Workflow<in With = never, out Outputs = unknown> {
  readonly [workflowMark]: 1;
  readonly name: string;
  readonly types?: { readonly with: (given: With) => void; readonly outputs: Outputs };
  /** Where `workflow(…)` was called. */
  readonly place: Place | undefined;
  /**
   * The document and the places of its parts.
   * @param bundle path of the bundle with this file's functions
   * @throws BuildError, and what the author's function throws
   */
  build(bundle?: string): BuiltWorkflow;
  /** The function of an inline task, by the task's id: what an agent calls. */
  entry(id: string): (call: NodeCall) => unknown;
}

export interface BuiltWorkflow {
  /** What a YAML file would hold, as JSON. */
  readonly document: SourceMap;
  /** JSON pointer → place. */
  readonly places: Readonly<Record<string, Place>>;
  /** Ids of the tasks whose functions are bundled. */
  readonly entries: readonly string[];
}

const bundleDefault = "bundle.mjs";

/**
 * Declares a workflow. A file exports one as its default.
 * @param build records tasks; it must give the same each time it runs
 */
export function workflow<
  Inputs extends z.ZodObject = z.ZodObject<Readonly<Record<never, z.ZodType>>>,
  const Outputs extends RunOutputs | void = void,
>(
  name: string,
  config: WorkflowConfig<Inputs>,
  build: (build: Build<z.output<Inputs>>) => Outputs,
): Workflow<WithOf<Inputs>, Outputs> {
  const place = placeOfCall(workflow);
  const record = (bundle: string): Recorded & { readonly document: SourceMap } => {
    const recorder = new Recorder(bundle, config.secrets ?? {});
    const outputs = build(recorder as unknown as Build<z.output<Inputs>>); // its references have every property
    return { ...recorder, document: documentOf(name, config, recorder, outputs) };
  };
  let handlers: Recorded["handlers"] | undefined;
  return {
    [workflowMark]: 1,
    name,
    place,
    build: (bundle = bundleDefault) => {
      const once = record(bundle);
      const again = record(bundle);
      const difference = firstDifference(once.document, again.document, "");
      if (difference !== undefined)
        throw new BuildError(
          "build_not_pure",
          `built twice, ${difference} is not the same; a workflow cannot depend on time, chance or what it changes itself`,
        );
      return {
        document: once.document,
        places: { ...(place === undefined ? {} : { "": place }), ...Object.fromEntries(once.places) },
        entries: [...once.handlers.keys()],
      };
    },
    entry: (id) => {
      handlers ??= record(bundleDefault).handlers;
      const handler = handlers.get(id);
      if (handler === undefined) throw new BuildError("unknown_task", `the workflow ${name} has no inline task ${id}`);
      return handler;
    },
  };
}

/** True for a workflow, of whichever copy of this package. */
export const isWorkflow = (value: unknown): value is Workflow =>
  typeof value === "object" && value !== null && workflowMark in value;

function documentOf(
  name: string,
  config: WorkflowConfig<z.ZodObject>,
  recorded: Recorded,
  outputs: RunOutputs | void,
): SourceMap {
  const { inputs, secrets: _secrets, ...rest } = config;
  const secrets = recorded.secretsUsed();
  const map = (value: object | undefined): Record<string, Source> =>
    value === undefined ? {} : { ...sourceMapOf(value, "config") };
  return {
    version: 1,
    name,
    ...map(rest),
    ...(inputs === undefined ? {} : { inputs: inputsOf(inputs, "inputs") }),
    ...(secrets === undefined ? {} : { secrets }),
    ...(recorded.variables.size === 0 ? {} : { vars: [...recorded.variables] }),
    tasks: Object.fromEntries(recorded.tasks),
    ...(outputs === undefined ? {} : { outputs: sourceOf(outputs, "outputs") }),
    ...(recorded.hooks.size === 0 ? {} : { hooks: Object.fromEntries(recorded.hooks) }),
  };
}

const isTree = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/** A JSON pointer to the first part that differs, order of keys included; undefined where none does. */
function firstDifference(one: unknown, other: unknown, pointer: string): string | undefined {
  if (!isTree(one) || !isTree(other)) return Object.is(one, other) ? undefined : pointer || "the document";
  const keys = Object.keys(one);
  const others = Object.keys(other);
  for (const [i, key] of keys.entries()) {
    if (others[i] !== key) return `${pointer}/${key}`;
    const found = firstDifference(one[key], other[key], `${pointer}/${key}`);
    if (found !== undefined) return found;
  }
  return others.length > keys.length ? `${pointer}/${others[keys.length] ?? ""}` : undefined;
}
