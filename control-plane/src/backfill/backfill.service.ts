// Asking for backfills, and what people see of them and do with them.
import { randomBytes } from "node:crypto";
import {
  AppError,
  backfillParallel,
  idFromUuid,
  isBackfillEnded,
  uuidFromId,
  uuidV7,
  type BackfillPlanned,
  type BackfillRunOutcome,
  type BackfillRunView,
  type BackfillState,
  type BackfillSteered,
  type BackfillView,
  type JsonObject,
  type StartBackfillBody,
} from "@capstan/proto";
import { placesOf, type BackfillPlace, type BackfillWhat } from "../engine/backfill.ts";
import { makeCursor, readCursor } from "../http/cursor.ts";
import type { Once, OnceKey } from "../http/once-key.ts";
import type { ProjectScope } from "../http/request-context.ts";
import { Refused } from "../schedule/tick-inputs.ts";
import type { EarlyRuns } from "../trigger/early-run.ts";
import type { NumberedEdition, WorkflowEditions } from "../workflow/editions.ts";
import { askedFor } from "./backfill-starter.ts";
import type { BackfillRecord, BackfillStore, NewBackfill } from "./backfill.store.ts";
import { backfillRunView, backfillView, valueView } from "./view.ts";
import { countTicks, ticksFor, whatOf, type AskedWhat } from "./what.ts";

interface Page {
  readonly limit: number;
  readonly cursor: string | undefined;
}

export interface BackfillServiceParts {
  readonly store: BackfillStore;
  readonly editions: Pick<WorkflowEditions, "active" | "version" | "byId">;
  readonly early: EarlyRuns;
  readonly nowMs: () => number;
  /** Lets the loop look at once. */
  readonly wake: () => void;
}

export class BackfillService {
  private readonly parts: BackfillServiceParts;

  constructor(parts: BackfillServiceParts) {
    this.parts = parts;
  }

  /** @throws not_found malformed limit_exceeded inputs_invalid idempotency_key_reused */
  async start(
    project: ProjectScope,
    actor: string,
    body: StartBackfillBody,
    key: OnceKey | undefined,
  ): Promise<Once<BackfillPlanned>> {
    const edition = await this.edition(project, body);
    const asked = whatOf(edition, body, this.parts.nowMs());
    const total = await countTicks(edition, asked);
    await this.checkInputs(edition, asked, body);
    const planned = await this.planned(project, edition, asked, { body, total });
    if (body.dryRun === true || total === 0) return { value: planned, isReplayed: false };
    const backfill: NewBackfill = {
      id: uuidV7(Date.now(), randomBytes(10)),
      workflowId: edition.workflowId,
      digest: edition.digest,
      what: asked.what,
      items: asked.items,
      inputs: jsonOf(body.inputs),
      labels: body.labels ?? {},
      newestFirst: body.order === "desc",
      maxParallel: body.maxParallel ?? backfillParallel,
      skipExisting: body.skipExisting === true,
      total,
      actor,
    };
    const made = await this.parts.store.create(project.id, backfill, key);
    this.parts.wake();
    return { value: { ...planned, backfill: idFromUuid("bf", made.value.id) }, isReplayed: made.isReplayed };
  }

  /** A new backfill of what failed in one that has ended. @throws not_found state_conflict */
  async retry(
    project: ProjectScope,
    backfill: string,
    actor: string,
    key: OnceKey | undefined,
  ): Promise<Once<BackfillPlanned>> {
    const earlier = await this.find(project, backfill);
    if (!isBackfillEnded(earlier.state)) {
      throw new AppError(
        "state_conflict",
        `${backfill} is ${earlier.state}; what failed is retried when it has ended. capstan backfills cancel ends it now.`,
        { evidence: { state: earlier.state } },
      );
    }
    const id = uuidV7(Date.now(), randomBytes(10));
    const made = await this.parts.store.retry(project.id, earlier.id, { id, actor }, key);
    const retried = made.value;
    if (retried.kind === "nothing")
      throw new AppError("state_conflict", `No run of ${backfill} failed; there is nothing to retry.`);
    this.parts.wake();
    return {
      value: {
        backfill: idFromUuid("bf", retried.id),
        workflow: earlier.workflow,
        version: earlier.version,
        count: retried.count,
        existing: null,
        first: null,
        last: null,
      },
      isReplayed: made.isReplayed,
    };
  }

  async list(
    project: ProjectScope,
    filter: { readonly workflow: string | undefined; readonly states: readonly BackfillState[] | undefined },
    page: Page,
  ): Promise<{ data: BackfillView[]; nextCursor: string | null }> {
    const bound = ["backfills", filter];
    const after = page.cursor === undefined ? undefined : String(readCursor(bound, page.cursor, 1)[0]);
    const found = await this.parts.store.list(project.id, filter, { limit: page.limit + 1, after });
    const rows = found.slice(0, page.limit);
    const last = found.length > page.limit ? rows.at(-1) : undefined;
    const views = await Promise.all(rows.map((row) => this.view(project, row)));
    return { data: views, nextCursor: last === undefined ? null : makeCursor(bound, [last.id]) };
  }

  /** @throws not_found */
  async show(project: ProjectScope, backfill: string): Promise<BackfillView> {
    return this.view(project, await this.find(project, backfill));
  }

  /** @throws not_found */
  async runs(
    project: ProjectScope,
    backfill: string,
    outcomes: readonly BackfillRunOutcome[] | undefined,
    page: Page,
  ): Promise<{ data: BackfillRunView[]; nextCursor: string | null }> {
    const record = await this.find(project, backfill);
    const bound = ["backfill runs", record.id, outcomes ?? null];
    const after = page.cursor === undefined ? undefined : Number(readCursor(bound, page.cursor, 1)[0]);
    const found = await this.parts.store.runs(project.id, record.id, outcomes, { limit: page.limit + 1, after });
    const rows = found.slice(0, page.limit);
    const last = found.length > page.limit ? rows.at(-1) : undefined;
    return {
      data: rows.map((row) => backfillRunView(record.what, row)),
      nextCursor: last === undefined ? null : makeCursor(bound, [last.ordinal]),
    };
  }

  /** @throws not_found state_conflict */
  pause(project: ProjectScope, backfill: string, actor: string, reason: string): Promise<BackfillSteered> {
    const pause = { actor, reason };
    return this.steer(project, backfill, { from: ["running"], to: "paused", pause, actor, action: "pause" });
  }

  /** @throws not_found state_conflict */
  resume(project: ProjectScope, backfill: string, actor: string): Promise<BackfillSteered> {
    const change = { from: ["paused"], to: "running", pause: undefined, actor, action: "resume" } as const;
    return this.steer(project, backfill, change);
  }

  /** @throws not_found state_conflict */
  cancel(project: ProjectScope, backfill: string, actor: string, reason: string): Promise<BackfillSteered> {
    const pause = { actor, reason };
    const from = ["running", "paused"] as const;
    return this.steer(project, backfill, { from, to: "cancelling", pause, actor, action: "cancel" });
  }

  private async steer(
    project: ProjectScope,
    backfill: string,
    change: Parameters<BackfillStore["steer"]>[2],
  ): Promise<BackfillSteered> {
    const id = uuidFromId("bf", backfill);
    const steered = id === undefined ? undefined : await this.parts.store.steer(project.id, id, change);
    if (steered === undefined) throw noBackfill(project, backfill);
    const { state, changed } = steered;
    const isThere = state === change.to || (change.action === "cancel" && state === "cancelled");
    if (!changed && !isThere) {
      throw new AppError("state_conflict", `${backfill} is ${state}; ${change.action} is not for that.`, {
        evidence: { state },
      });
    }
    this.parts.wake();
    return { backfill, state, already: !changed };
  }

  private async find(project: ProjectScope, backfill: string): Promise<BackfillRecord> {
    const id = uuidFromId("bf", backfill);
    const found = id === undefined ? undefined : await this.parts.store.find(project.id, id);
    if (found === undefined) throw noBackfill(project, backfill);
    return found;
  }

  private async view(project: ProjectScope, record: BackfillRecord): Promise<BackfillView> {
    const { what } = record;
    const edition =
      what.kind === "ticks" ? await this.parts.editions.byId(project, record.workflowId, record.digest) : undefined;
    return backfillView(record, edition?.document);
  }

  private async edition(project: ProjectScope, { workflow, version }: StartBackfillBody): Promise<NumberedEdition> {
    const edition =
      version === undefined
        ? await this.parts.editions.active(project, workflow)
        : await this.parts.editions.version(project, workflow, version);
    if (edition !== undefined) return edition;
    const what = version === undefined ? `workflow ${workflow}` : `version ${version} of ${workflow}`;
    throw new AppError("not_found", `There is no ${what} in project ${project.name}.`);
  }

  /** Of values each, of ticks the first: what is wrong with one of them is wrong with all. @throws inputs_invalid */
  private async checkInputs(
    edition: NumberedEdition,
    { what, items }: AskedWhat,
    body: StartBackfillBody,
  ): Promise<void> {
    const inputs = jsonOf(body.inputs);
    const labels = body.labels ?? {};
    const [place] = placesOf(what, ticksFor(edition, what), { after: undefined, newestFirst: false, max: 1 });
    if (place === undefined) return;
    const { at, windowStartMs } = place;
    const tick = windowStartMs === undefined ? {} : { tick: { tickMs: at, windowStartMs } };
    const before = await this.parts.early.prepare({ edition, ...tick });
    const trigger = what.kind === "ticks" ? what.trigger : undefined;
    for (const [index, item] of (items ?? [undefined]).entries()) {
      try {
        askedFor(edition, {
          body: { ...place, ...(trigger === undefined ? {} : { trigger }) },
          asked: { inputs, labels, item },
          before,
        });
      } catch (error) {
        if (error instanceof Refused && error.reason === "condition") return;
        const where = item === undefined ? "" : `value ${index}: `;
        if (error instanceof Refused) throw new AppError("inputs_invalid", error.message, { cause: error });
        if (!(error instanceof AppError) || error.code !== "inputs_invalid") throw error;
        const problems = error.problems?.map((one) => ({
          ...one,
          pointer:
            item === undefined ? (one.pointer ?? "") : (one.pointer ?? "").replace(/^\/inputs/, `/values/${index}`),
        }));
        throw new AppError("inputs_invalid", `${where}${error.message}`, problems === undefined ? {} : { problems });
      }
    }
  }

  private async planned(
    project: ProjectScope,
    edition: NumberedEdition,
    { what, items }: AskedWhat,
    { body, total }: { readonly body: StartBackfillBody; readonly total: number },
  ): Promise<BackfillPlanned> {
    const ticks = ticksFor(edition, what);
    const edge = (newestFirst: boolean): BackfillPlace | undefined =>
      placesOf(what, ticks, { after: undefined, newestFirst, max: 1 })[0];
    const isDescending = body.order === "desc";
    const view = (place: BackfillPlace | undefined) =>
      place === undefined ? null : valueView(what, place.at, items?.[place.at] ?? null);
    return {
      backfill: null,
      workflow: edition.name,
      version: edition.number,
      count: total,
      existing: body.skipExisting === true ? await this.existing(project, edition, what) : null,
      first: view(edge(isDescending)),
      last: view(edge(!isDescending)),
    };
  }

  private async existing(
    project: ProjectScope,
    { workflowId, ...edition }: NumberedEdition,
    what: BackfillWhat,
  ): Promise<number> {
    if (what.kind !== "ticks" && what.kind !== "every") return 0;
    const found = await this.parts.store.existing(project.id, workflowId, [what.fromMs, what.toMs]);
    const ticks = ticksFor(edition, what);
    return found.filter((at) =>
      what.kind === "every" ? (at - what.fromMs) % what.everyMs === 0 : ticks?.next(at - 1) === at,
    ).length;
  }
}

const noBackfill = (project: ProjectScope, backfill: string): AppError =>
  new AppError("not_found", `There is no backfill ${backfill} in project ${project.name}.`);

const jsonOf = (given: StartBackfillBody["inputs"]): JsonObject => (given ?? {}) as JsonObject; // JSON, by its schema
