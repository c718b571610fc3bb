// Paths that are known to the end become one variable each: `tasks.load.outputs.rows + 1` is `capstanV0 + 1` to CEL.
//  L1. A value is then looked up in the JSON and converted alone, instead of everything around it; and expressions of
//      one form share one environment, which is what makes a graph of a thousand tasks cheap to check.
//  L2. Nobody sees the variables: offsets and messages are turned back.
import { environmentFor, type TypedEnvironment } from "./environment.ts";
import { lookUp, type ExpressionContext } from "./look-up.ts";
import { referencesOf, type Reference } from "./references.ts";
import { pruned, type Scope } from "./scope.ts";
import { fileFields, type Shape } from "./shape.ts";

interface FlatVariable {
  readonly name: string;
  readonly path: readonly string[];
  readonly shape: Shape;
}

export interface FlatExpression {
  readonly environment: TypedEnvironment["environment"];
  /** The text for that environment. */
  readonly text: string;
  /** Its variables, from the JSON of a context. */
  readonly values: (context: ExpressionContext) => Record<string, unknown>;
  /** The offset in the expression as written, of one in `text`. */
  readonly offsetOf: (at: number) => number;
  /** A message of the library in the author's names. */
  readonly told: (message: string) => string;
}

const prefix = "capstanV";

export function flattened(text: string, scope: Scope): FlatExpression {
  const variables: FlatVariable[] = [];
  const pieces: Piece[] = [];
  const kept = new Map<string, (readonly string[])[]>();
  for (const reference of referencesOf(text)) {
    // `(inputs).url` keeps its parentheses by being left alone.
    const whole = reference.replaceable && !/[()]/.test(text.slice(reference.at, reference.end));
    const shape = whole ? shapeAlong(reference, scope) : undefined;
    const path = [reference.root, ...reference.steps.map((step) => step.name)];
    if (shape === undefined) {
      kept.set(reference.root, [...(kept.get(reference.root) ?? []), path.slice(1)]);
      continue;
    }
    const known = variables.find((one) => one.path.join(".") === path.join("."));
    const name = known?.name ?? `${prefix}${variables.length}`;
    if (known === undefined) variables.push({ name, path, shape });
    pieces.push({ from: reference.at, end: reference.end, name });
  }
  const shapes: Record<string, Shape> = {};
  for (const { name, shape } of variables) shapes[name] = shape;
  for (const [root, paths] of kept) {
    const shape = Object.hasOwn(scope.roots, root) ? scope.roots[root] : undefined;
    if (shape !== undefined) shapes[root] = pruned(shape, paths);
  }
  const typed = environmentFor(shapes);
  return {
    environment: typed.environment,
    ...rewritten(text, pieces),
    values: (context) => {
      const flat: Record<string, unknown> = {};
      for (const { name, path } of variables) flat[name] = lookUp(path, context);
      for (const root of kept.keys()) flat[root] = lookUp([root], context);
      return typed.convert(flat);
    },
    told: (message) =>
      message.replaceAll(/(?:Unknown variable: )?capstanV(\d+)/g, (found: string, index: string) => {
        const path = variables[Number(index)]?.path.join(".") ?? found;
        return found.startsWith("Unknown") ? `there is no ${path}` : path;
      }),
  };
}

interface Piece {
  readonly from: number;
  readonly end: number;
  readonly name: string;
}

function rewritten(text: string, pieces: readonly Piece[]): Pick<FlatExpression, "text" | "offsetOf"> {
  let out = "";
  let from = 0;
  const placed: { readonly piece: Piece; readonly at: number }[] = [];
  for (const piece of pieces.toSorted((a, b) => a.from - b.from)) {
    out += text.slice(from, piece.from);
    placed.push({ piece, at: out.length });
    out += piece.name;
    from = piece.end;
  }
  out += text.slice(from);
  return {
    text: out,
    offsetOf: (offset) => {
      let shift = 0;
      for (const { piece, at } of placed) {
        if (offset < at) break;
        if (offset < at + piece.name.length) return piece.from;
        shift = piece.end - (at + piece.name.length);
      }
      return offset + shift;
    },
  };
}

/** The shape at the end of a path; undefined where the path leaves what is declared. */
function shapeAlong(reference: Reference, scope: Scope): Shape | undefined {
  let shape: Shape | undefined = Object.hasOwn(scope.roots, reference.root) ? scope.roots[reference.root] : undefined;
  for (const { name } of reference.steps) {
    if (shape === undefined) return undefined;
    switch (shape.kind) {
      case "dyn":
        break;
      case "map":
        shape = shape.value;
        break;
      case "file":
        shape = Object.hasOwn(fileFields, name) ? fileFields[name]?.shape : undefined;
        break;
      case "object": {
        const field: Shape | undefined = Object.hasOwn(shape.fields, name) ? shape.fields[name]?.shape : undefined;
        shape = field ?? (shape.open === true ? { kind: "dyn" } : undefined);
        break;
      }
      case "string":
      case "int":
      case "double":
      case "bool":
      case "timestamp":
      case "duration":
      case "secret":
      case "list":
        return undefined;
    }
  }
  return shape;
}
