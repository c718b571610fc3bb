import { AppError, parseRunName, type RunState } from "@capstan/proto";
import type { RunFilter } from "./run.store.ts";

export interface RunListQuery {
  readonly state?: readonly RunState[] | undefined;
  readonly workflow?: readonly string[] | undefined;
  readonly label?: readonly string[] | undefined;
  readonly createdAfter?: string | undefined;
  readonly createdBefore?: string | undefined;
  readonly q?: string | undefined;
  readonly sort?: "-createdAt" | "createdAt" | undefined;
}

/** A query as a filter of rows. @throws filter_invalid for a label without a colon */
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
  };
}

function labelOf(text: string): Readonly<Record<string, string>> {
  const at = text.indexOf(":");
  if (at < 1) throw new AppError("filter_invalid", `label ${text} must be written key:value`);
  return { [text.slice(0, at)]: text.slice(at + 1) };
}
