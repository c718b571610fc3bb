// Backfills as the API shows them.
import {
  formatDuration,
  formatTime,
  idFromUuid,
  isBackfillEnded,
  type BackfillRunView,
  type BackfillValueView,
  type BackfillView,
  type CanonicalWorkflow,
  type JsonObject,
} from "@capstan/proto";
import type { BackfillWhat } from "../engine/backfill.ts";
import { whenText } from "../schedule/schedule.service.ts";
import { scheduleTrigger } from "../schedule/tick-inputs.ts";
import type { BackfillRecord, BackfillRunRecord } from "./backfill.store.ts";

/** @param document its version, where it is about ticks of a schedule */
export function backfillView(record: BackfillRecord, document: CanonicalWorkflow | undefined): BackfillView {
  const { what } = record;
  const range = what.kind === "ticks" || what.kind === "every" ? what : undefined;
  return {
    id: idFromUuid("bf", record.id),
    workflow: record.workflow,
    version: record.version,
    state: record.state,
    reason: reasonOf(record),
    what: whatText(what, document),
    from: range === undefined ? null : formatTime(range.fromMs),
    to: range === undefined ? null : formatTime(range.toMs),
    order: record.newestFirst ? "desc" : "asc",
    maxParallel: record.maxParallel,
    skipExisting: record.skipExisting,
    total: record.total,
    left: record.total - record.taken,
    going: record.going,
    succeeded: record.succeeded,
    failed: record.failed,
    cancelled: record.cancelled,
    skipped: record.skipped,
    actor: record.actor,
    createdAt: record.created,
    endedAt: record.ended,
    origin: record.originId === null ? null : idFromUuid("bf", record.originId),
  };
}

/** What it waits for. */
function reasonOf(record: BackfillRecord): BackfillView["reason"] {
  if (isBackfillEnded(record.state)) return null;
  if (record.state === "paused") {
    const { actor = "somebody", reason = "" } = record.pause ?? {};
    return { code: "backfill_paused", detail: `paused by ${actor}${reason === "" ? "" : `: ${reason}`}` };
  }
  if (record.isWorkflowPaused)
    return { code: "workflow_paused", detail: `${record.workflow} is paused; its runs are made and wait` };
  if (record.held !== null) return record.held;
  if (record.going === 0) return null;
  const going = `${record.going} of its runs ${record.going === 1 ? "goes" : "go"} on`;
  return { code: "waiting_run", detail: record.total > record.taken ? `${going}, ${record.maxParallel} may` : going };
}

function whatText(what: BackfillWhat, document: CanonicalWorkflow | undefined): string {
  switch (what.kind) {
    case "ticks": {
      const trigger = document === undefined ? undefined : scheduleTrigger(document, what.trigger);
      return trigger === undefined ? what.trigger : whenText(trigger.schedule);
    }
    case "every":
      return `every ${formatDuration(what.everyMs)}`;
    case "values":
      return `${what.count} values`;
    case "runs":
      return `${what.count} retries`;
  }
}

export function valueView(what: BackfillWhat, at: number, item: JsonObject | null): BackfillValueView {
  const inputs = item as BackfillValueView["inputs"]; // JSON; the schema's type is not readonly
  switch (what.kind) {
    case "ticks":
    case "every":
      return { at: formatTime(at), inputs: null, retries: null };
    case "values":
      return { at: null, inputs, retries: null };
    case "runs":
      return { at: null, inputs: null, retries: String(item?.["name"] ?? "") };
  }
}

export const backfillRunView = (what: BackfillWhat, row: BackfillRunRecord): BackfillRunView => ({
  value: valueView(what, row.at, row.item),
  state: row.outcome ?? (row.run === null ? "asked" : "going"),
  run: row.run,
  code: row.code,
  detail: row.detail,
});
