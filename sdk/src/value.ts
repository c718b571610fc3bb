// The types of values that exist only when a run does: references, and what may be given where a value is needed.
//  V1. `Value<T>` is covariant and opaque, so a reference to a number fits nowhere but where a number is needed.
//  V2. Keys and optionality of `with` come from a schema's input side, the types of its values from the output side.
import type * as z from "zod";

declare const kept: unique symbol;
declare const hidden: unique symbol;

/** Something that has a value of type `T` once the run gets there. */
export interface Value<out T> {
  readonly [kept]: T;
}

/** CEL, written with `expr`. Its type is known to the checker, not to TypeScript, so it fits everywhere. */
export type Expr = Value<never>;

/** A secret by its name: passed on whole, never looked at. A task's function gets its text. */
export interface Secret {
  readonly [hidden]: true;
}

/** A file that is kept by reference: what the reader of one sees. */
export interface File {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly mediaType: string;
  /** In a task's function: its copy on local disk. In a workflow it has no value. */
  readonly path: string;
}
/** How a task's function returns a file: by its name in `CAPSTAN_OUT_DIR`. */
export interface ReturnedFile {
  readonly $file: string;
}

type Whole = string | number | boolean | null | undefined | Secret;

/** A reference: property access makes a longer path. */
export type Ref<T> = Value<T> & Parts<T>;
type Parts<T> = [T] extends [Whole]
  ? unknown
  : [T] extends [readonly (infer Item)[]]
    ? { readonly [index: number]: Ref<Item> }
    : { readonly [Key in keyof T]-?: Ref<Exclude<T[Key], undefined>> };

/** Each property as a reference; the whole is no value of its own. */
export type Refs<T> = { readonly [Key in keyof T]-?: Ref<Exclude<T[Key], undefined>> };

/** What may stand where a `T` is needed: the value, a reference to one, or a structure with references in it. */
export type Given<T> =
  | T
  | Value<T>
  | ([T] extends [Whole | File]
      ? never
      : [T] extends [readonly (infer Item)[]]
        ? readonly Given<Item>[]
        : [T] extends [object]
          ? { readonly [Key in keyof T]: Given<T[Key]> }
          : never);

/** What may stand in a text. */
export type Textable = string | number | boolean | Value<string | number | boolean>;

/** Text in a field that may hold expressions. */
export type GivenText = string | Value<string>;
/** A condition: `expr`, or a reference to something that is true or false. */
export type Condition = boolean | Value<boolean>;

/** `with` of a schema. */
export type WithOf<Input extends z.ZodObject> = WithFrom<z.input<Input>, z.output<Input>>;
type WithFrom<Keys, Values> = {
  readonly [Key in keyof Keys]: Given<Key extends keyof Values ? Exclude<Values[Key], undefined> : never>;
};

/** What a task's function receives for a schema: secrets are text there. */
export type Received<Input> = { readonly [Key in keyof Input]: Input[Key] extends Secret ? string : Input[Key] };

type Digits = `${number}`;
type Clock =
  | `${Digits}h${Digits}m`
  | `${Digits}h${Digits}s`
  | `${Digits}m${Digits}s`
  | `${Digits}h${Digits}m${Digits}s`;
/** `500ms`, `90s`, `10m`, `1h30m`, `2d`, or ISO 8601: `PT1H30M`. */
export type Duration =
  | `${Digits}${"ms" | "s" | "m" | "h" | "d"}`
  | Clock
  | `${Digits}d${Digits}h`
  | `${Digits}d${Digits}h${Digits}m`
  | `P${string}`;
/** `512Mi`, `8Gi`, `2G`, or bytes. */
export type Size = number | `${Digits}${"Ki" | "Mi" | "Gi" | "Ti" | "k" | "K" | "M" | "G" | "T"}`;
