// How an explanation puts things into words.
import { reasonCodes, type ReasonCode } from "@capstan/proto";
import type { RunRecord } from "../run/run.store.ts";

/** ` by ana since 10:04:31 UTC: disk is full` */
export function pauseWords(pause: { readonly actor: string; readonly reason: string; readonly atMs: number }): string {
  const why = pause.reason === "" ? "" : `: ${pause.reason}`;
  return ` by ${pause.actor} since ${clock(new Date(pause.atMs).toISOString())}${why}`;
}

/** By whom and why a run was cancelled: ` by ana: wrong input`. */
export function cancelWords({ state, cancel }: Pick<RunRecord, "state" | "cancel">): string {
  if (state !== "cancelled" || cancel === null) return "";
  const { actor, reason } = cancel;
  return `${typeof actor === "string" ? ` by ${actor}` : ""}${typeof reason === "string" && reason !== "" ? `: ${reason}` : ""}`;
}

const isReason = (code: string): code is ReasonCode => Object.hasOwn(reasonCodes, code);
export const reasonText = (code: string): string => (isReason(code) ? reasonCodes[code] : code);
export const said = (state: string): string =>
  state === "timed_out" ? "ran out of time" : state === "cancelled" ? "was cancelled" : state;
export const clock = (iso: string): string => `${iso.slice(11, 19)} UTC`;
export const logsOf = (run: string, task: string | undefined): string =>
  `read the log: capstan logs ${run}${task === undefined ? "" : `/${task}`}`;
