// CEL environments: one with our functions and operators, and a small copy with the types of one expression's variables.
import { Environment } from "@marcbachmann/cel-js";
import { Duration } from "@marcbachmann/cel-js/evaluator";
import type { JsonValue } from "../json.ts";
import { FileRef, isFileJson, SecretRef, valueOfJson } from "./cel-value.ts";
import { registerFunctions, registerOperators } from "./functions.ts";
import type { ObjectShape, Shape } from "./shape.ts";
import { environmentOptions } from "./syntax.ts";

const base = new Environment(environmentOptions);
registerOperators(base);
base.registerType("File", {
  ctor: FileRef,
  fields: { name: "string", size: "int", sha256: "string", mediaType: "string" },
});
base.registerType("Secret", { ctor: SecretRef, fields: {} });
registerFunctions(base);

/** Names of all functions that may be called; those that macros get from us are not among them. */
export const functionNames: ReadonlySet<string> = new Set(
  base
    .getDefinitions()
    .functions.map((definition) => definition.name)
    .filter((name) => !name.startsWith("capstan")),
);

/** What the library calls a type, and how a JSON value becomes one of it. */
interface CelType {
  readonly name: string;
  readonly convert: (value: JsonValue) => unknown;
}

export interface TypedEnvironment {
  readonly environment: Environment;
  /** Turns the JSON of a context into what the environment's variables hold. */
  readonly convert: (context: Readonly<Record<string, unknown>>) => Record<string, unknown>;
}

const sharedMax = 500;
const shared = new Map<string, TypedEnvironment>();

/** An environment for these variables. Those without objects are shared; others take about 50 µs and are for keeping. */
export function environmentFor(variables: Readonly<Record<string, Shape>>): TypedEnvironment {
  const signature = signatureOf(variables);
  if (signature === undefined) return makeEnvironment(variables);
  let known = shared.get(signature);
  if (known === undefined) {
    known = makeEnvironment(variables);
    if (shared.size >= sharedMax) shared.clear();
    shared.set(signature, known);
  }
  return known;
}

function signatureOf(variables: Readonly<Record<string, Shape>>): string | undefined {
  let signature = "";
  for (const [name, shape] of Object.entries(variables)) {
    const type = plainTypeOf(shape);
    if (type === undefined) return undefined;
    signature += `${name}:${type};`;
  }
  return signature;
}

/** The type's text where it holds no object; objects are told apart by their fields. */
function plainTypeOf(shape: Shape): string | undefined {
  if (shape.kind === "object") return undefined;
  if (shape.kind !== "list" && shape.kind !== "map") return shape.kind;
  const inner = plainTypeOf(shape.kind === "list" ? shape.item : shape.value);
  return inner === undefined ? undefined : `${shape.kind}<${inner}>`;
}

function makeEnvironment(variables: Readonly<Record<string, Shape>>): TypedEnvironment {
  const environment = base.clone();
  const types = new TypeMaker(environment);
  const converters: [string, (value: JsonValue) => unknown][] = [];
  for (const [name, shape] of Object.entries(variables)) {
    const type = types.of(shape);
    environment.registerVariable(name, type.name);
    converters.push([name, type.convert]);
  }
  return {
    environment,
    convert: (context) => {
      const values: Record<string, unknown> = {};
      for (const [name, convert] of converters) {
        const value = context[name];
        if (value !== undefined) values[name] = convert(value as JsonValue); // a context is JSON by its type
      }
      return values;
    },
  };
}

const timestampOf = (value: JsonValue): unknown =>
  typeof value === "string" || typeof value === "number" ? new Date(value) : value;
const intOf = (value: JsonValue): unknown =>
  typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
const same = (value: JsonValue): unknown => value;

const plain: Readonly<Record<Exclude<Shape["kind"], "list" | "map" | "object">, CelType>> = {
  string: { name: "string", convert: same },
  int: { name: "int", convert: intOf },
  double: { name: "double", convert: same },
  bool: { name: "bool", convert: same },
  dyn: { name: "dyn", convert: valueOfJson },
  timestamp: { name: "google.protobuf.Timestamp", convert: timestampOf },
  duration: {
    name: "google.protobuf.Duration",
    convert: (value) => (typeof value === "number" ? Duration.fromMilliseconds(value) : value),
  },
  file: { name: "File", convert: (value) => (isFileJson(value) ? new FileRef(value) : value) },
  secret: { name: "Secret", convert: (value) => (typeof value === "string" ? new SecretRef(value) : value) },
};

const isObject = (value: JsonValue): value is { readonly [key: string]: JsonValue } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

class TypeMaker {
  readonly #environment: Environment;
  readonly #known = new Map<Shape, CelType>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  of(shape: Shape): CelType {
    if (shape.kind !== "list" && shape.kind !== "map" && shape.kind !== "object") return plain[shape.kind];
    const known = this.#known.get(shape);
    if (known !== undefined) return known;
    const type = this.#make(shape);
    this.#known.set(shape, type);
    return type;
  }

  #make(shape: Extract<Shape, { kind: "list" | "map" | "object" }>): CelType {
    if (shape.kind === "list") {
      const item = this.of(shape.item);
      return {
        name: `list<${item.name}>`,
        convert: (value) => (Array.isArray(value) ? value.map((one: JsonValue) => item.convert(one)) : value),
      };
    }
    if (shape.kind === "map") {
      const item = this.of(shape.value);
      return {
        name: `map<string, ${item.name}>`,
        convert: (value) =>
          isObject(value)
            ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, item.convert(one)]))
            : value,
      };
    }
    return this.#object(shape);
  }

  #object(shape: ObjectShape): CelType {
    const fields = Object.entries(shape.fields).map(([name, field]) => ({ name, type: this.of(field.shape) }));
    // A class of its own is how the library tells one object type from another.
    const Made = class {};
    const name = `object${this.#known.size}`;
    // Without `fields` the library takes any name, which is what an open object needs.
    this.#environment.registerType(
      name,
      shape.open === true && fields.length === 0
        ? { ctor: Made }
        : { ctor: Made, fields: Object.fromEntries(fields.map((field) => [field.name, field.type.name])) },
    );
    const declared = new Set(fields.map((field) => field.name));
    return {
      name,
      convert: (value) => {
        if (!isObject(value)) return value;
        const made: Record<string, unknown> = Object.assign(new Made());
        for (const field of fields) {
          const part = Object.hasOwn(value, field.name) ? value[field.name] : undefined;
          if (part !== undefined) made[field.name] = part === null ? null : field.type.convert(part);
        }
        if (shape.open === true) {
          for (const [key, part] of Object.entries(value)) if (!declared.has(key)) made[key] = valueOfJson(part);
        }
        return made;
      },
    };
  }
}
