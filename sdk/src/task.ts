// What a task does: one definition, used by any number of tasks.
import type * as z from "zod";
import { outputsOf } from "./schema.ts";
import type { File, Given, GivenText, Received, Secret, Size, Value, WithOf } from "./value.ts";

declare const carried: unique symbol;

/** What a task does, which values it takes by `with` and which it gives. */
export interface TaskDefinition<in With extends object, out Outputs> {
  readonly [carried]?: { readonly with: (given: With) => void; readonly outputs: Outputs };
  /** The action as YAML writes it; `entry` of an inline function is filled in by the build. */
  readonly action: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>> | undefined;
  readonly handler: NodeHandler | undefined;
}

/** What a function of `nodeTask` may use beside its input. */
export interface TaskContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder for files that are returned. */
  readonly outDir: string;
  /** A file of `outDir` as a value to return. */
  readonly file: (name: string) => ReturnedByName;
  readonly progress: (done: number, total?: number, text?: string) => void;
  readonly metric: (name: string, value: number, unit?: string) => void;
  readonly note: (text: string, level?: "debug" | "info" | "warning" | "error") => void;
  /** `throw new Retry(…)`: another try, whatever `causes` says. */
  readonly Retry: new (message?: string, options?: { readonly afterMs?: number }) => Error;
  /** `throw new Skip(…)`: the task run is skipped. */
  readonly Skip: new (message?: string) => Error;
}
interface ReturnedByName {
  readonly $file: string;
}

/** What the agent calls: an export of the bundle. */
export type NodeCall = { readonly input: unknown } & TaskContext;
export type NodeHandler = (call: NodeCall) => unknown;

type AnySchema = z.ZodObject | undefined;
type WithOrNone<Input extends AnySchema> = Input extends z.ZodObject ? WithOf<Input> : Readonly<Record<never, never>>;
/** `run` and `container` take any `with`, read from `CAPSTAN_INPUTS`. */
type WithOrAny<Input extends AnySchema> = Input extends z.ZodObject
  ? WithOf<Input>
  : Readonly<Record<string, Given<unknown>>>;
type OutputsOf<Output extends AnySchema> = Output extends z.ZodObject
  ? z.output<Output>
  : Readonly<Record<never, never>>;
type Returned<Output extends AnySchema> = Output extends z.ZodObject ? z.input<Output> : void;

interface Schemas<Input extends AnySchema, Output extends AnySchema> {
  readonly input?: Input;
  readonly output?: Output;
}

function define<With extends object, Outputs>(
  action: Readonly<Record<string, unknown>>,
  schemas: Schemas<AnySchema, AnySchema>,
  handler?: NodeHandler,
): TaskDefinition<With, Outputs> {
  const [kind = "task"] = Object.keys(action);
  return {
    action,
    outputs: schemas.output === undefined ? undefined : outputsOf(schemas.output, `output of the ${kind} task`),
    handler,
  };
}

export interface NodeDefinition<Input extends AnySchema, Output extends AnySchema> extends Schemas<Input, Output> {
  /** Attempts share an interpreter that has loaded the bundle. */
  readonly warm?: boolean;
  /** Runs on an agent. Its input was checked by the schema, its result is checked by the agent. */
  readonly run: (call: {
    readonly input: Input extends z.ZodObject ? Received<z.output<Input>> : Readonly<Record<string, unknown>>;
    readonly context: TaskContext;
  }) => Returned<Output> | Promise<Returned<Output>>;
}

/** A function of this file, bundled by the build and run on an agent. */
export function nodeTask<Input extends AnySchema = undefined, Output extends AnySchema = undefined>(
  definition: NodeDefinition<Input, Output>,
): TaskDefinition<WithOrNone<Input>, OutputsOf<Output>> {
  const { input: schema, warm, run } = definition;
  const handler: NodeHandler = ({ input, ...context }) => {
    const read = schema === undefined ? input : schema.parse(input);
    return run({ input: read as Parameters<typeof run>[0]["input"], context }); // the schema's output
  };
  return define({ node: warm === undefined ? {} : { warm } }, definition, handler);
}

export interface PythonEnvironment {
  readonly kind?: "system" | "venv" | "uv";
  readonly requirements?: string;
  readonly version?: string;
  readonly index?: string;
  readonly wheels?: string;
}
export type PythonCode = ({ readonly call: string } | { readonly file: string } | { readonly inline: string }) & {
  readonly environment?: PythonEnvironment;
  readonly warm?: boolean;
};

/** A function of a Python module (`module:function`), a file, or text. */
export const pythonTask = <Input extends AnySchema = undefined, Output extends AnySchema = undefined>(
  code: string | PythonCode,
  schemas: Schemas<Input, Output> = {},
): TaskDefinition<WithOrAny<Input>, OutputsOf<Output>> => define({ python: code }, schemas);

export type ShellCode = ({ readonly script: string } | { readonly file: string }) & {
  readonly shell?: "bash" | "sh" | "pwsh" | "cmd";
  readonly workdir?: GivenText;
};

/** A script. Values reach it by `env`, or by `with` as the file `CAPSTAN_INPUTS`. */
export const shellTask = <Input extends AnySchema = undefined, Output extends AnySchema = undefined>(
  code: string | ShellCode,
  schemas: Schemas<Input, Output> = {},
): TaskDefinition<WithOrAny<Input>, OutputsOf<Output>> => define({ run: code }, schemas);

export interface HttpRequest {
  readonly url: GivenText;
  readonly method?: GivenText;
  readonly query?: Readonly<Record<string, Given<unknown>>>;
  readonly headers?: Readonly<Record<string, GivenText | Secret>>;
  readonly auth?:
    | { readonly bearer: Secret }
    | { readonly basic: { readonly user: GivenText; readonly password: Secret } };
  readonly json?: Given<unknown>;
  readonly body?: GivenText;
  readonly form?: Readonly<Record<string, Given<unknown>>>;
  readonly file?: Value<File>;
  readonly expect?: { readonly status: readonly (number | `${number}-${number}`)[] };
  readonly saveAs?: GivenText;
  readonly followRedirects?: number;
  readonly maxBytes?: Size;
  readonly ca?: string;
}
export interface HttpOutputs {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly bytes: number;
  readonly sha256: string;
}

type Nothing = Readonly<Record<never, never>>;

/** A request. With `saveAs` it gives `file`. */
export const httpTask = <Request extends HttpRequest>(
  request: Request & HttpRequest,
): TaskDefinition<
  Nothing,
  Request extends { readonly saveAs: GivenText } ? HttpOutputs & { readonly file: File } : HttpOutputs
> => define({ http: request }, {});

export interface SqlStatement {
  /** Of the database: `postgres:`, `mysql:`, `mssql:` or `sqlite:`. */
  readonly url: GivenText | Secret;
  readonly query?: string;
  readonly file?: string;
  /** Always bound, never put into the text. */
  readonly params?: readonly Given<unknown>[] | Readonly<Record<string, Given<unknown>>>;
  readonly result?: "rows" | "value" | "file" | "none";
  readonly format?: "csv" | "jsonl";
  readonly maxRows?: number;
  readonly transaction?: boolean;
}
interface SqlResults<Row> {
  readonly rows: { readonly rows: readonly Row[]; readonly rowCount: number };
  readonly value: { readonly value: unknown; readonly rowCount: number };
  readonly file: { readonly file: File; readonly rowCount: number };
  readonly none: { readonly rowCount: number };
}

/** A statement. What it gives follows from `result`: `rows` unless said. */
export const sqlTask = <const Statement extends SqlStatement, Row = Readonly<Record<string, unknown>>>(
  statement: Statement & SqlStatement,
): TaskDefinition<
  Nothing,
  SqlResults<Row>[Statement extends { readonly result: infer Kind extends keyof SqlResults<Row> } ? Kind : "rows"]
> => define({ sql: statement }, {});

export interface ContainerImage {
  readonly image: string;
  readonly command?: readonly GivenText[];
  readonly args?: readonly GivenText[];
  readonly entrypoint?: readonly GivenText[];
  readonly workdir?: GivenText;
  readonly user?: GivenText;
  readonly engine?: "docker" | "kubernetes";
  readonly pull?: "ifMissing" | "always";
  readonly kubernetes?: Readonly<Record<string, unknown>>;
}

/** A container; it speaks the file protocol of a task. */
export const containerTask = <Input extends AnySchema = undefined, Output extends AnySchema = undefined>(
  image: string | ContainerImage,
  schemas: Schemas<Input, Output> = {},
): TaskDefinition<WithOrAny<Input>, OutputsOf<Output>> => define({ container: image }, schemas);

/** A plug-in: `owner/name@major`. */
export const pluginTask = <Input extends AnySchema = undefined, Output extends AnySchema = undefined>(
  name: `${string}/${string}@${string}`,
  schemas: Schemas<Input, Output> = {},
): TaskDefinition<WithOrNone<Input>, OutputsOf<Output>> => define({ uses: name }, schemas);

export interface Notifier {
  readonly slack?: {
    readonly webhook?: Secret;
    readonly token?: Secret;
    readonly channel?: GivenText;
    readonly text: GivenText;
  };
  readonly email?: {
    readonly to: GivenText | readonly GivenText[] | Value<readonly string[]>;
    readonly cc?: GivenText | readonly GivenText[] | Value<readonly string[]>;
    readonly subject?: GivenText;
    readonly body?: GivenText;
    readonly html?: boolean;
    readonly smtp?: Secret;
    readonly attach?: readonly Value<File>[];
  };
  readonly pagerduty?: {
    readonly routingKey: Secret;
    readonly severity?: "critical" | "error" | "warning" | "info";
    readonly event?: "trigger" | "acknowledge" | "resolve";
    readonly summary?: GivenText;
    readonly dedupKey?: GivenText;
  };
  readonly opsgenie?: {
    readonly apiKey: Secret;
    readonly message?: GivenText;
    readonly priority?: "P1" | "P2" | "P3" | "P4" | "P5";
    readonly alias?: GivenText;
    readonly region?: "us" | "eu";
    readonly close?: boolean;
  };
  readonly webhook?: {
    readonly url: GivenText;
    readonly method?: GivenText;
    readonly headers?: Readonly<Record<string, GivenText | Secret>>;
    readonly json?: Given<unknown>;
    readonly body?: GivenText;
    readonly sign?: Secret;
  };
}

/** A message as a task of its own, with an outcome that counts. */
export const notifyTask = (notifier: Notifier): TaskDefinition<Nothing, { readonly delivered: boolean }> =>
  define({ notify: notifier }, {});
