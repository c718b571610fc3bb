// Types of values as expressions see them, made from declarations. The CEL library gets its types from these.
import type { ValueDeclaration } from "../workflow/canonical.ts";

export type Shape =
  | { readonly kind: "string" | "int" | "double" | "bool" | "dyn" | "timestamp" | "duration" | "file" | "secret" }
  | { readonly kind: "list"; readonly item: Shape }
  | { readonly kind: "map"; readonly value: Shape }
  | ObjectShape;

export interface ObjectShape {
  readonly kind: "object";
  readonly fields: Readonly<Record<string, FieldShape>>;
  /** What the thing is called in messages: "task", "input", "output of load". */
  readonly noun?: string;
  /** True where other fields may occur. */
  readonly open?: boolean;
}
export interface FieldShape {
  readonly shape: Shape;
  /** May be absent by declaration, so a plain access is refused. A property that is merely not required is not. */
  readonly optional?: boolean;
}

export const stringShape: Shape = { kind: "string" };
export const intShape: Shape = { kind: "int" };
export const dynShape: Shape = { kind: "dyn" };
export const timestampShape: Shape = { kind: "timestamp" };

export const fileFields: Readonly<Record<string, FieldShape>> = {
  name: { shape: stringShape },
  size: { shape: intShape },
  sha256: { shape: stringShape },
  mediaType: { shape: stringShape },
};

const shapes = new WeakMap<ValueDeclaration, Shape>();

/** The shape of a declared value. */
export function shapeOf(declaration: ValueDeclaration): Shape {
  const known = shapes.get(declaration);
  if (known !== undefined) return known;
  const shape = declaration.nullable === true ? dynShape : plainShape(declaration);
  shapes.set(declaration, shape);
  return shape;
}

function plainShape(declaration: ValueDeclaration): Shape {
  switch (declaration.type) {
    case "string":
      return stringShape;
    case "integer":
      return intShape;
    case "number":
      return { kind: "double" };
    case "boolean":
      return { kind: "bool" };
    case "file":
      return { kind: "file" };
    case "array":
      return { kind: "list", item: declaration.items === undefined ? dynShape : shapeOf(declaration.items) };
    case "object": {
      if (declaration.properties === undefined) return { kind: "map", value: dynShape };
      const fields: Record<string, FieldShape> = {};
      for (const [name, property] of Object.entries(declaration.properties)) {
        fields[name] = { shape: shapeOf(property) };
      }
      const open = declaration.additionalProperties !== false;
      return { kind: "object", fields, open };
    }
  }
}
