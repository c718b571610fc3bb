import { AppError, parseRunName, uuidFromId, type RunState } from "@capstan/proto";
import type { RunFilter } from "./run.store.ts";

export interface RunListQuery {
  readonly state?: readonly RunState[] | undefined;
  readonly workflow?: readonly string[] | undefined;
  readonly label?: readonly string[] | undefined;
  readonly createdAfter?: string | undefined;
  readonly createdBefore?: string | undefined;
  readonly input?: readonly string[] | undefined;
  readonly error?: string | undefined;
  readonly trigger?: readonly string[] | undefined;
  readonly durationMsMin?: number | undefined;
  readonly durationMsMax?: number | undefined;
  readonly backfill?: string | undefined;
  readonly q?: string | undefined;
  readonly sort?: "-createdAt" | "createdAt" | undefined;
}

/** A query as a filter of rows. @throws filter_invalid for a label or an input without a colon, and what cannot be searched for */
export function runFilter(query: RunListQuery): RunFilter {
  const named = query.q === undefined ? undefined : parseRunName(query.q);
  return {
    states: query.state,
    workflows: named === undefined ? query.workflow : [named.workflow],
    labels: query.label?.map(labelOf),
    createdAfter: query.createdAfter,
    createdBefore: query.createdBefore,
    text: named === undefined ? query.q : undefined,
    number: named?.number,
    newestFirst: query.sort !== "createdAt",
    inputs: query.input?.map((text) => pairOf("input", text)),
    error: wordsOf(query.error),
    triggers: query.trigger,
    durationMsMin: query.durationMsMin,
    durationMsMax: query.durationMsMax,
    backfillId: query.backfill === undefined ? undefined : backfillOf(query.backfill),
  };
}

function labelOf(text: string): Readonly<Record<string, string>> {
  const { key, value } = pairOf("label", text);
  return { [key]: value };
}

function pairOf(what: string, text: string): { readonly key: string; readonly value: string } {
  const at = text.indexOf(":");
  if (at < 1) throw new AppError("filter_invalid", `${what} ${text} must be written key:value`);
  return { key: text.slice(0, at), value: text.slice(at + 1) };
}

function wordsOf(error: string | undefined): string | undefined {
  if (error !== undefined && !/[\p{L}\p{N}_]{2}/u.test(error))
    throw new AppError("filter_invalid", `error is searched by words of two or more letters or digits, got ${error}`);
  return error;
}

function backfillOf(id: string): string {
  const uuid = uuidFromId("bf", id);
  if (uuid === undefined) throw new AppError("filter_invalid", `backfill must be an id such as bf_…, got ${id}`);
  return uuid;
}
