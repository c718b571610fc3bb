// What a workflow's function is given: the calls that record tasks.
import type * as z from "zod";
import type { ApprovalOutputs, MappedTask, Matrix, NeedsRefs, Previous, RunRefs, Task, WaitOutputs } from "./handle.ts";
import type { HookEntry, MapOptions, OrderOptions, TaskHooks, TaskOptions } from "./options.ts";
import type { TaskDefinition } from "./task.ts";
import type { Condition, Duration, Given, GivenText, Ref, Refs, Secret, Value } from "./value.ts";
import type { Workflow } from "./workflow.ts";

/** `with` may be left out where nothing in it is required. */
type Rest<With, Options> = {} extends With ? [given?: With, options?: Options] : [given: With, options?: Options];

export interface ControlOptions extends OrderOptions {
  readonly timeout?: Duration;
  readonly hooks?: TaskHooks;
}

export interface ApprovalRequest<Form extends z.ZodObject> {
  readonly title: GivenText;
  readonly message?: GivenText;
  /** `user:…`, `group:…`, `role:…`. */
  readonly from: readonly string[];
  readonly need?: number;
  readonly form?: Form;
  readonly timeout?: Duration;
  readonly onTimeout?: "reject" | "approve";
  readonly onReject?: "fail" | "continue";
  readonly allowStarter?: boolean;
  readonly remindEvery?: Duration;
}

export type WaitRequest =
  | { readonly for: Duration | Value<string> }
  | { readonly until: GivenText }
  | {
      readonly event: {
        readonly type: string;
        readonly if?: Condition;
        readonly timeout?: Duration;
        readonly onTimeout?: "fail" | "continue";
      };
    };

export interface ChildOptions extends ControlOptions {
  readonly version?: string;
  /** False: it is only started. */
  readonly wait?: boolean;
}

/** Outputs of a workflow's run as a parent sees them. */
type ChildOutputs<Outputs> = { readonly runId: string } & {
  readonly [Key in keyof Outputs]: Outputs[Key] extends Value<infer T> ? T : Outputs[Key];
};

export interface Build<Inputs> {
  readonly inputs: Refs<Inputs>;
  readonly run: RunRefs;
  readonly needs: NeedsRefs;
  /** `trigger`: in the triggers of the configuration use `${{ }}`. */
  readonly trigger: Ref<Readonly<Record<string, Readonly<Record<string, unknown>>>>>;
  /** In `poll.until`. */
  readonly result: Ref<Readonly<Record<string, unknown>>>;
  /** Of a task with `poll`: what the output `cursor` of the poll before this one was, null at first. */
  readonly cursor: Ref<unknown>;
  /** Of a task with `poll`: the number of this poll, from 1. */
  readonly poll: Ref<number>;
  /** A secret by its name. */
  readonly secret: (name: string) => Secret;
  /** A variable of the project. */
  readonly vars: (name: string) => Ref<string>;

  /** One task. A reference in `given` or `options` makes the edge. */
  readonly task: <With extends object, Outputs>(
    id: string,
    definition: TaskDefinition<With, Outputs>,
    ...rest: Rest<NoInfer<With>, TaskOptions>
  ) => Task<Outputs>;

  /** A task run per item of a list. */
  readonly map: <Item, With extends object, Outputs>(
    id: string,
    items: Value<readonly Item[]> | readonly Item[] | Matrix<Item>,
    definition: TaskDefinition<With, Outputs>,
    given: (item: Ref<Item>, index: Ref<number>) => NoInfer<With>,
    options?: MapOptions,
  ) => MappedTask<Item, Outputs>;

  /** A task run per index of a mapped task, each waiting for its own index alone. */
  readonly chain: <Item, Before, With extends object, Outputs>(
    id: string,
    before: MappedTask<Item, Before>,
    definition: TaskDefinition<With, Outputs>,
    given: (previous: Previous<Before>, item: Ref<Item>, index: Ref<number>) => NoInfer<With>,
    options?: MapOptions,
  ) => MappedTask<Item, Outputs>;

  /** Another workflow as a task: its object, or its name. */
  readonly child: {
    <With, Outputs>(
      id: string,
      workflow: Workflow<With, Outputs>,
      ...rest: Rest<NoInfer<With>, ChildOptions>
    ): Task<ChildOutputs<Outputs>>;
    (
      id: string,
      workflow: string,
      given?: Readonly<Record<string, Given<unknown>>>,
      options?: ChildOptions,
    ): Task<Readonly<Record<string, Readonly<Record<string, unknown>>>>>;
  };

  /** A person decides. */
  readonly approval: <Form extends z.ZodObject = z.ZodObject<Readonly<Record<never, z.ZodType>>>>(
    id: string,
    request: ApprovalRequest<Form>,
    options?: ControlOptions,
  ) => Task<ApprovalOutputs<z.output<Form>>>;

  /** For a time, until one, or for an event. */
  readonly wait: (id: string, request: WaitRequest, options?: ControlOptions) => Task<WaitOutputs>;

  readonly onStart: (...entries: readonly HookEntry[]) => void;
  readonly onSuccess: (...entries: readonly HookEntry[]) => void;
  readonly onFailure: (...entries: readonly HookEntry[]) => void;
  readonly onCancel: (...entries: readonly HookEntry[]) => void;
  readonly onLate: (...entries: readonly HookEntry[]) => void;
  readonly onRecovery: (...entries: readonly HookEntry[]) => void;
  readonly onEnd: (...entries: readonly HookEntry[]) => void;
}
