// What a run is before it exists: the variables that it reads, and what its defaults, labels and first conditions may ask
// about it. Only a workflow that asks for something early costs a look at the database before its commit.
import { AppError, early, idFromUuid, runName, type JsonObject } from "@capstan/proto";
import { varsOf } from "../engine/vars.ts";
import type { NumberedEdition } from "../workflow/editions.ts";

/** The port of early knowledge to its rows. */
export interface EarlyStore {
  /** Values of those variables that the project has, by name. */
  variables(projectId: string, names: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /**
   * The first of `count` run numbers of a workflow that nobody else gets. One that comes to no run is left out, so a
   * workflow that asks for it may have gaps in its numbers.
   */
  reserveNumbers(projectId: string, workflowId: string, count: number): Promise<number>;
}

export interface EarlyParts {
  readonly store: EarlyStore;
  readonly nowMs: () => number;
  readonly newId: () => string;
  readonly publicUrl: () => string;
}

export interface EarlyRun {
  readonly vars: JsonObject;
  /** `run` as defaults, labels and keys see it; empty where none of them asks. */
  readonly run: JsonObject;
  /** For the trigger of the run. */
  readonly kept: { readonly vars?: JsonObject; readonly early?: JsonObject };
  /** For its start. */
  readonly start: {
    readonly runId?: string;
    readonly number?: number;
    readonly createdMs?: number;
  };
}

export interface EarlyRequest {
  readonly edition: NumberedEdition;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** A child has its id before it exists. */
  readonly runId?: string | undefined;
  /** The run that is retried: its variables are kept, and its time. */
  readonly repeats?: {
    readonly trigger: JsonObject;
    readonly attempt: number;
    readonly scheduledMs: number;
  };
  /** Of a run that a schedule asks for. */
  readonly tick?: { readonly tickMs: number; readonly windowStartMs: number };
}

export class EarlyRuns {
  private readonly parts: EarlyParts;

  constructor(parts: EarlyParts) {
    this.parts = parts;
  }

  /** @throws unknown_var for a variable that has been removed since the deploy */
  async prepare(request: EarlyRequest): Promise<EarlyRun> {
    const [made] = await this.prepareAll([request]);
    if (made === undefined) throw new Error("one was asked for");
    return made;
  }

  /** The same for runs of one workflow version. @throws unknown_var */
  async prepareAll(requests: readonly EarlyRequest[]): Promise<readonly EarlyRun[]> {
    const [first] = requests;
    if (first === undefined) return [];
    const { edition } = first;
    const asked = early(edition.document);
    const vars = await this.variables(first);
    const number = asked.number
      ? await this.parts.store.reserveNumbers(edition.projectId, edition.workflowId, requests.length)
      : undefined;
    return requests.map((request, at) => {
      const made = this.runOf(request, asked.run, number === undefined ? undefined : number + at);
      const { labels: _, ...early } = made.run; // those are kept with the run itself
      return {
        ...made,
        vars,
        kept: { ...(Object.keys(vars).length === 0 ? {} : { vars }), ...(asked.order ? { early } : {}) },
      };
    });
  }

  private async variables({ edition, repeats }: EarlyRequest): Promise<JsonObject> {
    const { vars: names = [], name } = edition.document;
    const kept = repeats === undefined ? {} : varsOf(repeats);
    const wanted = names.filter((one) => !Object.hasOwn(kept, one));
    const found = wanted.length === 0 ? new Map() : await this.parts.store.variables(edition.projectId, wanted);
    const gone = wanted.find((one) => !found.has(one));
    if (gone !== undefined) {
      throw new AppError(
        "unknown_var",
        `${name} reads the variable ${gone}, which the project does not have any more.`,
      );
    }
    return { ...kept, ...Object.fromEntries(found) };
  }

  private runOf(
    { edition, labels = {}, runId, repeats, tick }: EarlyRequest,
    isAsked: boolean,
    number: number | undefined,
  ): Pick<EarlyRun, "run" | "start"> {
    const { newId, nowMs, publicUrl } = this.parts;
    if (!isAsked) return { run: {}, start: number === undefined ? {} : { number } };
    const id = runId ?? newId();
    const createdMs = nowMs();
    const scheduledAt = tick?.tickMs ?? repeats?.scheduledMs ?? createdMs;
    const { project, name } = edition;
    const page = number === undefined ? undefined : runName(name, number);
    return {
      start: { runId: id, createdMs, ...(number === undefined ? {} : { number }) },
      run: {
        id: idFromUuid("run", id),
        ...(page === undefined || number === undefined
          ? {}
          : { number, url: `${publicUrl()}${project === "default" ? "" : `/p/${project}`}/runs/${page}` }),
        workflow: name,
        version: edition.digest,
        attempt: repeats?.attempt ?? 1,
        state: "queued",
        scheduledAt,
        window: { start: tick?.windowStartMs ?? scheduledAt, end: scheduledAt },
        startedAt: createdMs,
        duration: 0,
        labels,
      },
    };
  }
}
