// Keys of a task and of a workflow beside its action, as TypeScript writes them.
import type * as z from "zod";
import type { Notifier, PythonCode, ShellCode } from "./task.ts";
import type { Condition, Duration, File, Given, GivenText, Secret, Size, Value } from "./value.ts";

export interface Retry {
  /** All tries, the first too. */
  readonly attempts?: number;
  readonly delay?: Duration;
  readonly factor?: number;
  readonly maxDelay?: Duration;
  readonly jitter?: number;
  readonly backoff?: "exponential" | "fixed";
  readonly causes?: readonly string[];
  readonly except?: readonly string[];
  readonly lost?: number;
  readonly onExhausted?: "fail" | "pause";
}

type Label = GivenText | readonly GivenText[];
export interface RunsOn {
  readonly pool?: string;
  readonly expr?: Value<boolean>;
  readonly prefer?: readonly {
    readonly labels?: Readonly<Record<string, Label>>;
    readonly sameAs?: string;
    readonly weight: number;
  }[];
  readonly [label: string]: unknown;
}

/** What `defaults` gives to every task too. */
export interface SharedOptions {
  /** `null` takes away what `defaults` would give. */
  readonly runsOn?: RunsOn | null;
  readonly env?: Readonly<
    Record<string, GivenText | number | boolean | Value<number | boolean | File> | Secret>
  > | null;
  readonly timeout?: Duration | null;
  readonly retry?: Retry | null;
  readonly lease?: Duration | null;
  readonly onLeaseEnd?: "stop" | "continue" | null;
  readonly onLost?: "retry" | "fail" | "adopt" | null;
  readonly grace?: Duration | null;
  readonly resources?: {
    readonly slots?: number;
    readonly cpu?: number;
    readonly memory?: Size;
    readonly gpu?: number;
    readonly disk?: Size;
  } | null;
  readonly isolation?: "L0" | "L1" | "L2" | "own-runner" | readonly ("L0" | "L1" | "L2" | "own-runner")[] | null;
  readonly priority?: 1 | 2 | 3 | 4 | 5 | null;
  readonly data?: string | readonly string[] | null;
}

/** Anything with the id of a task. */
export interface Needed {
  readonly id: string;
}

/** Keys that every task takes, those of the control plane too. */
export interface OrderOptions {
  readonly title?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  /** Order without data; a reference makes the edge by itself. */
  readonly needs?: readonly (Needed | string)[];
  readonly join?: "all_success" | "none_failed" | "all_done" | "one_success";
  readonly if?: Condition;
  readonly allowFailure?: boolean;
}

export interface TaskHooks {
  readonly onSuccess?: readonly HookEntry[];
  readonly onFailure?: readonly HookEntry[];
  readonly onRetry?: readonly HookEntry[];
  readonly onLate?: readonly HookEntry[];
}

export interface TaskOptions extends OrderOptions, SharedOptions {
  readonly network?: "default" | "none" | { readonly allow: readonly string[] };
  readonly poll?: {
    readonly every?: Duration;
    readonly backoff?: number;
    readonly maxEvery?: Duration;
    readonly until?: Value<boolean>;
    readonly maxErrors?: number;
    readonly timeout?: Duration;
  };
  readonly cache?: { readonly key?: GivenText; readonly ttl?: Duration; readonly scope?: "workflow" | "project" };
  readonly reads?: readonly (GivenText | { readonly uri: GivenText; readonly partition?: GivenText })[];
  readonly writes?: readonly (GivenText | { readonly uri: GivenText; readonly partition?: GivenText })[];
  readonly timeoutTotal?: Duration;
  readonly queueTimeout?: Duration;
  readonly limits?: readonly (string | { readonly name: string; readonly weight?: number })[];
  readonly concurrency?: { readonly key: GivenText; readonly limit?: number };
  readonly hooks?: TaskHooks;
  readonly sla?: { readonly startWithin?: Duration; readonly maxDuration?: Duration };
  readonly logs?: { readonly onFull?: "block" | "drop" };
}

export interface MapOptions extends TaskOptions {
  readonly maxParallel?: number;
  readonly failFast?: boolean;
  /** `"80%"` or a count. */
  readonly minSuccess?: `${number}%` | number;
}

/** One notifier or one action of an agent. */
export interface HookEntry extends Notifier {
  readonly run?: string | ShellCode;
  readonly python?: string | PythonCode;
  readonly if?: Condition;
  readonly with?: Readonly<Record<string, Given<unknown>>>;
  readonly env?: SharedOptions["env"];
  readonly runsOn?: RunsOn;
  readonly timeout?: Duration;
  readonly retry?: Retry;
}

export interface Schedule {
  readonly cron?: string | readonly string[];
  readonly every?: Duration;
  readonly dates?: readonly string[];
  readonly businessDay?: number;
  readonly at?: string;
  readonly timezone?: string;
  readonly calendar?: string;
  readonly onHoliday?: "skip" | "next" | "previous" | "run";
  readonly onGap?: "next" | "skip";
  readonly onOverlap?: "first" | "second" | "both";
  readonly catchup?: "last" | "all" | "skip";
  readonly catchupMax?: number;
  readonly catchupWindow?: Duration;
  readonly overlap?: "allow" | "queue" | "skip" | "cancelRunning";
  readonly jitter?: Duration;
  readonly from?: string;
  readonly to?: string;
}

/** One kind each; values in `inputs` are expressions over `trigger`, written with `expr` or as `${{ }}`. */
export interface Trigger {
  readonly id?: string;
  readonly schedule?: Schedule;
  readonly webhook?: { readonly verify?: string | Readonly<Record<string, unknown>>; readonly dedupe?: GivenText };
  readonly event?: { readonly type: string; readonly debounce?: Duration };
  readonly workflow?: {
    readonly name: string;
    readonly outcome?: readonly ("succeeded" | "failed" | "cancelled" | "timed_out")[];
  };
  readonly asset?: { readonly all?: readonly string[]; readonly any?: readonly string[] };
  readonly inputs?: Readonly<Record<string, Given<unknown>>>;
  readonly if?: Condition;
  readonly labels?: Readonly<Record<string, GivenText>>;
  readonly enabled?: boolean;
}

export interface WorkflowConfig<Inputs extends z.ZodObject> {
  readonly title?: string;
  readonly description?: string;
  readonly owner?: string;
  readonly tags?: readonly string[];
  readonly triggers?: readonly Trigger[];
  /** An object of Zod's; each property is an input. */
  readonly inputs?: Inputs;
  /** NAME → reference. A secret that is used and not here is the project's. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly data?: Readonly<
    Record<
      string,
      {
        readonly allowedOn: Readonly<Record<string, string | readonly string[]>>;
        readonly files?: "local" | "central";
        readonly logs?: "local" | "central";
        readonly inline?: "forbidden" | "sealed" | "allowed";
        readonly notify?: "forbidden" | "allowed";
      }
    >
  >;
  readonly calendars?: Readonly<
    Record<
      string,
      { readonly weekend?: readonly string[]; readonly holidays?: readonly string[]; readonly file?: string }
    >
  >;
  readonly code?: {
    readonly root?: string;
    readonly include?: readonly string[];
    readonly exclude?: readonly string[];
  };
  readonly environment?: string;
  readonly permissions?: { readonly idToken?: readonly string[] };
  readonly overridable?: readonly string[];
  readonly protected?: boolean;
  readonly labels?: Readonly<Record<string, GivenText>>;
  readonly concurrency?: {
    readonly key?: GivenText;
    readonly limit?: number;
    readonly onLimit?: "queue" | "skip" | "cancelRunning" | "replaceQueued";
    readonly maxQueued?: number;
  };
  readonly priority?: 1 | 2 | 3 | 4 | 5;
  readonly fairnessKey?: GivenText;
  readonly timeout?: Duration;
  readonly cleanupTimeout?: Duration;
  readonly defaults?: SharedOptions & {
    readonly python?: { readonly environment?: Readonly<Record<string, unknown>>; readonly warm?: boolean };
  };
  readonly sla?: {
    readonly startWithin?: Duration;
    readonly maxDuration?: Duration;
    readonly finishBy?: string;
    readonly timezone?: string;
    readonly calendar?: string;
  };
  readonly assets?: readonly {
    readonly uri: string;
    readonly title?: string;
    readonly owner?: string;
    readonly freshWithin?: Duration;
  }[];
}
