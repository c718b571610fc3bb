// The canonical form of a workflow: what is hashed, stored, fetched by agents and run. Types only; `canonicalize.ts`
// makes it from a checked document, `digest.ts` hashes it.
//  C1. Short forms are long, durations are integer milliseconds (`…Ms`), sizes bytes, `defaults` merged into tasks.
//  C2. `needs` is complete (references included) and sorted.
//  C3. Absent stays absent: the defaults of language version 1 never change and live in `defaults.ts`.
//  C4. No author's key begins with `$`, so `$expr` and `$text` cannot be confused with a value.
import type { JsonValue } from "../json.ts";
import type { CanonicalCache, CanonicalPoll, CanonicalRetry } from "./canonical-repeat.ts";
import type { CanonicalCalendar } from "../schedule/calendar.ts";
import type { Derived } from "./derived.ts";
import type { CanonicalTrigger } from "./triggers.ts";

/** One CEL expression, white space outside strings reduced to single blanks. Keeps the type of its value. */
export interface Expr {
  readonly $expr: string;
}
/** Text with expressions in it: literal parts and expressions in order. Its value is always a string. */
export interface Text {
  readonly $text: readonly (string | Expr)[];
}
/** A value that may be written as one expression instead. */
export type Dynamic<T> = T | Expr;
/** Text that may be one expression or hold some. */
export type DynamicText = string | Expr | Text;
/** Any JSON tree with expressions and texts at its leaves. */
export type DynamicJson = JsonValue | Expr | Text | readonly DynamicJson[] | { readonly [key: string]: DynamicJson };

/** Types that a declared value can have. */
export type ValueType = "string" | "integer" | "number" | "boolean" | "array" | "object" | "file";

/** Declaration of an input, an output or a part of one: the allowed part of JSON Schema and a few keys of ours. */
export interface ValueDeclaration {
  readonly type: ValueType;
  readonly nullable?: boolean;
  readonly title?: string;
  readonly description?: string;
  readonly examples?: readonly JsonValue[];
  readonly default?: DynamicJson;
  readonly enum?: readonly JsonValue[];
  readonly const?: JsonValue;
  readonly minLength?: number;
  readonly maxLength?: number;
  /** RE2. */
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly items?: ValueDeclaration;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly properties?: Readonly<Record<string, ValueDeclaration>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | ValueDeclaration;
  readonly mediaType?: string;
  /** Bytes. */
  readonly maxSize?: number;
  /** Inputs only: neither a default nor a value is needed. */
  readonly optional?: boolean;
  /** Outputs of type file only: one match in the work folder is collected. */
  readonly path?: string;
  /** Classes of inputs and outputs, sorted; `public` where an output has left them all. */
  readonly data?: readonly string[];
  /** Outputs only: the class that the task has taken out of the value, why that is so, and who has to agree. */
  readonly declassify?: { readonly from: string; readonly reason: string; readonly approvers?: readonly string[] };
}

/** A class of data: where it may be read, and what may be kept or told of it elsewhere. */
export interface DataClass {
  /** Label, or `pool`, → the values that an agent must have one of. */
  readonly allowedOn: Readonly<Record<string, readonly string[]>>;
  readonly files?: "local" | "central";
  readonly logs?: "local" | "central";
  readonly inline?: "forbidden" | "sealed" | "allowed";
  readonly notify?: "forbidden" | "allowed";
}

export interface RunAction {
  readonly script?: string;
  readonly file?: string;
  readonly shell?: "bash" | "sh" | "pwsh" | "cmd";
  readonly workdir?: DynamicText;
}

export interface PythonEnvironment {
  readonly kind?: "system" | "venv" | "uv";
  readonly requirements?: string;
  readonly version?: string;
  readonly index?: string;
  readonly wheels?: string;
}

/** Exactly one of `call` (`module:function`), `file` and `inline`. */
export interface PythonAction {
  readonly call?: string;
  readonly file?: string;
  readonly inline?: string;
  readonly environment?: PythonEnvironment;
  readonly warm?: boolean;
}

/** `file` (`x.mjs` or `x.mjs#export`), `inline`, or `entry`, which the SDK writes. */
export interface NodeAction {
  readonly file?: string;
  readonly inline?: string;
  readonly entry?: string;
  readonly warm?: boolean;
}

export interface HttpAuth {
  readonly bearer?: DynamicText;
  readonly basic?: { readonly user: DynamicText; readonly password: DynamicText };
}

export interface HttpAction {
  readonly url: DynamicText;
  readonly method?: DynamicText;
  readonly query?: Readonly<Record<string, DynamicJson>>;
  readonly headers?: Readonly<Record<string, DynamicText>>;
  readonly auth?: HttpAuth;
  readonly json?: DynamicJson;
  readonly body?: DynamicText;
  readonly form?: Readonly<Record<string, DynamicJson>>;
  readonly file?: DynamicJson;
  /** Numbers, or ranges such as `"200-299"`. */
  readonly expect?: { readonly status?: readonly (number | string)[] };
  readonly saveAs?: DynamicText;
  readonly followRedirects?: number;
  /** Bytes. */
  readonly maxBytes?: number;
  readonly ca?: string;
}

/** Exactly one of `query` and `file`. */
export interface SqlAction {
  readonly url: DynamicText;
  readonly query?: string;
  readonly file?: string;
  /** By position, or by name; always bound. */
  readonly params?: readonly DynamicJson[] | Readonly<Record<string, DynamicJson>>;
  readonly result?: "rows" | "value" | "file" | "none";
  readonly format?: "csv" | "jsonl";
  readonly maxRows?: number;
  readonly transaction?: boolean;
}

/** `webhook`, or `token` and `channel`. */
export interface SlackNotifier {
  readonly webhook?: DynamicText;
  readonly token?: DynamicText;
  readonly channel?: DynamicText;
  readonly text: DynamicText;
}

export interface EmailNotifier {
  /** A list of addresses, or one expression that gives a list. */
  readonly to: readonly DynamicText[] | Expr;
  readonly cc?: readonly DynamicText[] | Expr;
  readonly subject?: DynamicText;
  readonly body?: DynamicText;
  readonly html?: boolean;
  readonly smtp?: DynamicText;
  readonly attach?: readonly DynamicJson[];
}

export interface PagerdutyNotifier {
  readonly routingKey: DynamicText;
  readonly severity?: "critical" | "error" | "warning" | "info";
  readonly event?: "trigger" | "acknowledge" | "resolve";
  readonly summary?: DynamicText;
  readonly dedupKey?: DynamicText;
}

export interface OpsgenieNotifier {
  readonly apiKey: DynamicText;
  readonly message?: DynamicText;
  readonly priority?: "P1" | "P2" | "P3" | "P4" | "P5";
  readonly alias?: DynamicText;
  readonly region?: "us" | "eu";
  readonly close?: boolean;
}

export interface WebhookNotifier {
  readonly url: DynamicText;
  readonly method?: DynamicText;
  readonly headers?: Readonly<Record<string, DynamicText>>;
  readonly json?: DynamicJson;
  readonly body?: DynamicText;
  readonly sign?: DynamicText;
}

export type Notifier =
  | { readonly slack: SlackNotifier }
  | { readonly email: EmailNotifier }
  | { readonly pagerduty: PagerdutyNotifier }
  | { readonly opsgenie: OpsgenieNotifier }
  | { readonly webhook: WebhookNotifier };

/** One of `for`, `until` and `event`; a literal `for` is `forMs`. */
export interface WaitAction {
  readonly forMs?: number;
  readonly for?: Expr | Text;
  /** ISO 8601 with a zone. */
  readonly until?: DynamicText;
  readonly event?: {
    readonly type: DynamicText;
    /** Sees `event` beside the rest. */
    readonly if?: Expr;
    readonly timeoutMs?: number;
    readonly onTimeout?: "fail" | "continue";
  };
}

/** A question to people; `form` is what an answer carries. */
export interface ApprovalAction {
  readonly title: DynamicText;
  readonly message?: DynamicText;
  /** `user:ana`, `role:operator`. */
  readonly from: readonly string[];
  readonly need?: number;
  readonly form?: Readonly<Record<string, ValueDeclaration>>;
  readonly timeoutMs?: number;
  readonly onTimeout?: "reject" | "approve";
  readonly onReject?: "fail" | "continue";
  readonly allowStarter?: boolean;
  readonly remindEveryMs?: number;
}

/** A run of another workflow; its inputs are the task's `with`. */
export interface WorkflowAction {
  readonly name: string;
  /** `active`, or a digest. */
  readonly version?: string;
  readonly wait?: boolean;
}

/** What a task does; exactly one key. */
export type CanonicalAction =
  | { readonly run: RunAction }
  | { readonly python: PythonAction }
  | { readonly node: NodeAction }
  | { readonly http: HttpAction }
  | { readonly sql: SqlAction }
  | { readonly notify: Notifier }
  | { readonly wait: WaitAction }
  | { readonly approval: ApprovalAction }
  | { readonly workflow: WorkflowAction };
export type ActionKind = "run" | "python" | "node" | "http" | "sql" | "notify" | "wait" | "approval" | "workflow";

/** Labels that an agent must have: a text, or a list of which one must match. `pool` is a literal name. */
export interface CanonicalRunsOn {
  readonly pool?: string;
  readonly labels?: Readonly<Record<string, DynamicText | readonly DynamicText[]>>;
  /** A condition over `agent`; an error means no. */
  readonly expr?: Expr;
  readonly prefer?: readonly CanonicalPreference[];
}

export interface CanonicalResources {
  readonly slots?: number;
  readonly cpu?: number;
  readonly memory?: number;
  readonly gpu?: number;
  readonly disk?: number;
}

/** Among agents that match and are free: those with these labels, or the one that had another task's last attempt. */
export interface CanonicalPreference {
  readonly labels?: Readonly<Record<string, DynamicText | readonly DynamicText[]>>;
  readonly sameAs?: string;
  readonly weight: number;
}

/** A named limit of the project and how much of it one attempt takes. */
export interface CanonicalLimit {
  readonly name: string;
  readonly weight?: number;
}

/** Attempts of one task over all runs, among equal keys. */
export interface CanonicalTaskConcurrency {
  readonly key: DynamicText;
  readonly limit?: number;
}

export const onLimitKinds = ["queue", "skip", "cancelRunning", "replaceQueued"] as const;
/** Runs with an equal key at once, and what becomes of one more. */
export interface CanonicalConcurrency {
  readonly key?: DynamicText;
  readonly limit?: number;
  readonly onLimit?: (typeof onLimitKinds)[number];
  readonly maxQueued?: number;
}

export const joinKinds = ["all_success", "none_failed", "all_done", "one_success"] as const;
export type JoinKind = (typeof joinKinds)[number];

/** A mapped task whose indexes wait for the same indexes of another one. */
export interface Chain {
  readonly chain: string;
}
/** Lists by name, and the items that are added to their product or taken out of it. */
export type CanonicalMatrix = Readonly<Record<string, Dynamic<readonly DynamicJson[]>>>;
/** Marks of lateness of a task. */
export interface TaskSla {
  readonly startWithinMs?: number;
  readonly maxDurationMs?: number;
}

export interface CanonicalTask {
  readonly title?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly action: CanonicalAction;
  readonly with?: Readonly<Record<string, DynamicJson>>;
  readonly env?: Readonly<Record<string, DynamicJson>>;
  /** Complete and sorted: what the author listed and what the expressions refer to. */
  readonly needs: readonly string[];
  readonly join?: JoinKind;
  readonly if?: Expr;
  readonly allowFailure?: boolean;
  readonly runsOn?: CanonicalRunsOn;
  /** Sizes in bytes. */
  readonly resources?: CanonicalResources;
  readonly timeoutMs?: number;
  /** From the first time that it is queued to its end, retries included. */
  readonly timeoutTotalMs?: number;
  /** From queued to running, of each attempt. */
  readonly queueTimeoutMs?: number;
  readonly graceMs?: number;
  readonly leaseMs?: number;
  readonly onLeaseEnd?: "stop" | "continue";
  readonly onLost?: "retry" | "fail";
  readonly retry?: CanonicalRetry;
  readonly priority?: number;
  readonly limits?: readonly CanonicalLimit[];
  readonly concurrency?: CanonicalTaskConcurrency;
  readonly outputs?: Readonly<Record<string, ValueDeclaration>>;
  /** Classes that it reads otherwise than by expressions, sorted. */
  readonly data?: readonly string[];
  readonly logs?: { readonly onFull?: "block" | "drop" };
  readonly poll?: CanonicalPoll;
  readonly cache?: CanonicalCache;
  /** One task run per item of the list. */
  readonly forEach?: Dynamic<readonly DynamicJson[]> | Chain;
  /** One task run per combination. */
  readonly matrix?: CanonicalMatrix;
  readonly maxParallel?: number;
  readonly failFast?: boolean;
  /** A count, or a share such as `"80%"`. */
  readonly minSuccess?: number | string;
  readonly hooks?: Readonly<Partial<Record<TaskHookName, readonly CanonicalHook[]>>>;
  readonly sla?: TaskSla;
}

/** An entry of `hooks`: a notifier (as the action `notify`) or an agent action. */
export type CanonicalHook = Pick<CanonicalTask, "action" | "if" | "with" | "env" | "runsOn" | "timeoutMs" | "retry">;

/** Hooks of a run, in the order of their positions in a plan. */
export const hookNames = ["onStart", "onSuccess", "onFailure", "onCancel", "onLate", "onRecovery", "onEnd"] as const;
export type RunHookName = (typeof hookNames)[number];
/** Hooks of a task. */
export const taskHookNames = ["onSuccess", "onFailure", "onRetry", "onLate"] as const;
export type TaskHookName = (typeof taskHookNames)[number];
export type HookName = RunHookName | TaskHookName;

/** Marks of lateness of a run. */
export interface RunSla extends TaskSla {
  /** Local time, `07:30`: the first one after the run was asked for. */
  readonly finishBy?: string;
  /** IANA name; UTC unless said. */
  readonly timezone?: string;
}

export interface CanonicalRunOutput {
  readonly value: DynamicJson;
  readonly type?: ValueType;
  readonly description?: string;
}

export interface CanonicalWorkflow {
  readonly version: 1;
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly owner?: string;
  readonly tags?: readonly string[];
  readonly triggers?: readonly CanonicalTrigger[];
  readonly inputs?: Readonly<Record<string, ValueDeclaration>>;
  readonly calendars?: Readonly<Record<string, CanonicalCalendar>>;
  /** NAME → reference (`file:…`, `env:…`, `vault:…`), or `"project"`. Only those that are used. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Variables of the project that it reads, sorted. */
  readonly vars?: readonly string[];
  readonly data?: Readonly<Record<string, DataClass>>;
  /** `bundle`: SHA-256 of the code bundle, written by deploy, so that changed code is another version. */
  readonly code?: {
    readonly root?: string;
    readonly include?: readonly string[];
    readonly exclude?: readonly string[];
    readonly bundle?: string;
  };
  readonly labels?: Readonly<Record<string, DynamicText>>;
  readonly concurrency?: CanonicalConcurrency;
  readonly priority?: Dynamic<number>;
  readonly fairnessKey?: DynamicText;
  readonly timeoutMs?: number;
  readonly cleanupTimeoutMs?: number;
  readonly tasks: Readonly<Record<string, CanonicalTask>>;
  readonly outputs?: Readonly<Record<string, CanonicalRunOutput>>;
  readonly hooks?: Readonly<Partial<Record<RunHookName, readonly CanonicalHook[]>>>;
  readonly sla?: RunSla;
  /** JSON pointers of what a request for a run may change, sorted; each with all that is below it. */
  readonly overridable?: readonly string[];
  /** Of a version that was made for a run. No file has it. */
  readonly derived?: Derived;
}

/** What `secrets.NAME` evaluates to: a mark that only an agent replaces by the value. */
export interface SecretMark {
  readonly $secret: string;
}

/** The kind of an action: its one key. */
export function actionKindOf(action: CanonicalAction): ActionKind {
  if ("run" in action) return "run";
  if ("python" in action) return "python";
  if ("node" in action) return "node";
  if ("http" in action) return "http";
  if ("sql" in action) return "sql";
  if ("wait" in action) return "wait";
  if ("approval" in action) return "approval";
  return "workflow" in action ? "workflow" : "notify";
}

export const isExpr = (value: unknown): value is Expr =>
  typeof value === "object" && value !== null && Object.hasOwn(value, "$expr");
export const isText = (value: unknown): value is Text =>
  typeof value === "object" && value !== null && Object.hasOwn(value, "$text");
