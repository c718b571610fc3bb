// Asking for one action on many runs.
import { randomBytes } from "node:crypto";
import {
  AppError,
  idFromUuid,
  operationRunsMax,
  runStates,
  isRunEnded,
  uuidFromId,
  uuidV7,
  type OperationAction,
  type OperationStarted,
  type OperationView,
  type RunSelection,
  type RunState,
} from "@capstan/proto";
import type { Once, OnceKey } from "../http/once-key.ts";
import type { ProjectScope } from "../http/request-context.ts";
import { runFilter } from "../run/filter.ts";
import type { RunFilter } from "../run/run.store.ts";
import type { OperationOptions, OperationStore } from "./operation.store.ts";

export interface OperationRequest {
  readonly action: OperationAction;
  readonly filter: RunSelection;
  readonly dryRun: boolean;
  readonly expectCount: number | undefined;
  readonly options: OperationOptions;
}

/** States in which an action can do something; others are not even counted. */
const fitting: Readonly<Record<OperationAction, readonly RunState[]>> = {
  cancel: runStates.filter((state) => !isRunEnded(state)),
  retry: runStates.filter((state) => isRunEnded(state) && state !== "succeeded"),
  rerun: runStates,
};

export class OperationService {
  private readonly store: OperationStore;
  private readonly wake: () => void;

  /** @param wake lets the loop look at once */
  constructor(store: OperationStore, wake: () => void) {
    this.store = store;
    this.wake = wake;
  }

  /** @throws limit_exceeded count_changed filter_invalid */
  async ask(
    project: ProjectScope,
    by: { readonly actor: string; readonly caller: string },
    { action, filter: selection, dryRun, expectCount, options }: OperationRequest,
    key: OnceKey | undefined,
  ): Promise<Once<OperationStarted>> {
    const filter = filterOf(selection, fitting[action]);
    if (dryRun) {
      const { count, names } = await this.store.select(project.id, filter, operationRunsMax);
      if (count > operationRunsMax) throw tooMany();
      return { value: { count, runs: [...names], operation: null }, isReplayed: false };
    }
    const id = uuidV7(Date.now(), randomBytes(10));
    const { value: made, isReplayed } = await this.store.create(
      project.id,
      { id, action, options, ...by },
      { filter, max: operationRunsMax, expectCount },
      key,
    );
    if (made.kind === "too_many") throw tooMany();
    if (made.kind === "count_changed") {
      throw new AppError("count_changed", `${made.count} runs fit now, not ${expectCount}; nothing was done.`, {
        evidence: { count: made.count },
      });
    }
    this.wake();
    const operation = made.operation === null ? null : idFromUuid("op", made.operation);
    return { value: { count: made.count, runs: [...made.names], operation }, isReplayed };
  }

  /** @throws not_found */
  async show(project: ProjectScope, id: string): Promise<OperationView> {
    const uuid = uuidFromId("op", id);
    const found = uuid === undefined ? undefined : await this.store.find(project.id, uuid);
    if (found === undefined) throw new AppError("not_found", `There is no operation ${id} in project ${project.name}.`);
    return found;
  }
}

function filterOf(selection: RunSelection, states: readonly RunState[]): RunFilter {
  const asked = selection.state ?? states;
  return { ...runFilter(selection), states: asked.filter((state) => states.includes(state)) };
}

const tooMany = (): AppError =>
  new AppError("limit_exceeded", `More than ${operationRunsMax} runs fit; one operation takes at most that many.`);
