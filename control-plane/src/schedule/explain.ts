// When a schedule fires next, or why it does not, in one sentence with its next step.
import {
  formatDuration,
  formatTime,
  missReasons,
  reasonCodes,
  type MissView,
  type ScheduleExplanation,
  type ScheduleView,
} from "@capstan/proto";
import type { MissRecord } from "./schedule.store.ts";

/** A tick that is due for so long is not the schedule's doing. */
const behindMs = 5_000;

export const missView = ({ tickMs, reason, detail, recordedMs }: MissRecord): MissView => ({
  at: formatTime(tickMs),
  reason,
  meaning: missReasons[reason],
  detail: detail ?? null,
  recordedAt: formatTime(recordedMs),
});

export function explainSchedule(
  view: ScheduleView,
  newestMiss: MissRecord | undefined,
  nowMs: number,
): ScheduleExplanation {
  const { schedule, nextAt, lastTickAt, lastRun } = view;
  const lastMs = lastTickAt === null ? 0 : Date.parse(lastTickAt);
  return {
    schedule,
    nextAt,
    last: lastTickAt === null ? null : { at: lastTickAt, run: lastRun },
    missed: newestMiss === undefined || newestMiss.tickMs < lastMs ? null : missView(newestMiss),
    ...answer(view, nowMs),
  };
}

function answer(
  { schedule, workflow, state, pause, nextAt, nextDueAt, when }: ScheduleView,
  nowMs: number,
): Pick<ScheduleExplanation, "code" | "sentence" | "do"> {
  switch (state) {
    case "disabled":
      return {
        code: state,
        sentence: `${schedule} does not fire: its trigger says enabled: false.`,
        do: `take enabled: false out of the file of ${workflow} and deploy it`,
      };
    case "over":
      return {
        code: state,
        sentence: `${schedule} does not fire any more: ${when} has no tick from now on.`,
        do: `give it another time or a later to, and deploy ${workflow}`,
      };
    case "paused": {
      const why = pause === null || pause.reason === "" ? "" : `: ${pause.reason}`;
      return {
        code: state,
        sentence: `${schedule} does not fire: it is paused by ${pause?.actor ?? "somebody"} since ${pause?.at ?? "a while"}${why}.`,
        do: `capstan schedules resume ${schedule}`,
      };
    }
    case "workflow_paused":
      return {
        code: state,
        sentence: `${schedule} does not fire: its workflow ${workflow} is paused.`,
        do: `capstan resume ${workflow}`,
      };
    case "active": {
      const dueMs = Date.parse(nextDueAt ?? nextAt ?? "");
      if (nowMs - dueMs > behindMs) {
        return {
          code: "control_plane_behind",
          sentence: `${schedule} should have fired ${formatDuration(Math.floor((nowMs - dueMs) / 1000) * 1000)} ago. ${reasonCodes.control_plane_behind}`,
          do: "look whether a replica with the role loops runs, and into its log",
        };
      }
      const jitter = nextDueAt === nextAt ? "" : ` Its run starts at ${nextDueAt ?? ""}, put off by jitter.`;
      const inMs = Math.max(0, Math.ceil((Date.parse(nextAt ?? "") - nowMs) / 1000) * 1000);
      return {
        code: state,
        sentence: `${schedule} fires next at ${nextAt ?? ""}, in ${formatDuration(inMs)}.${jitter}`,
        do: null,
      };
    }
  }
}
