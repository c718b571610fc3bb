import { cn } from "../lib/cn.ts";
import { stateLooks, type AnyState, type StateTone } from "../lib/states.ts";

const toneText: Record<StateTone, string> = {
  neutral: "text-neutral",
  waiting: "text-waiting",
  running: "text-running",
  retrying: "text-retrying",
  suspended: "text-suspended",
  grey: "text-grey",
  good: "text-good",
  bad: "text-bad",
  late: "text-late",
  skipped: "text-skipped",
  lost: "text-lost",
};

/** Symbol and word of a state; `symbolOnly` keeps the word for screen readers. */
export function StateMark({
  state,
  symbolOnly = false,
  className,
}: {
  readonly state: AnyState;
  readonly symbolOnly?: boolean;
  readonly className?: string;
}) {
  const look = stateLooks[state];
  return (
    <span
      className={cn("inline-flex items-center gap-1.5 font-medium whitespace-nowrap", toneText[look.tone], className)}
    >
      <span aria-hidden="true" className="inline-block w-[1.1em] text-center">
        {look.symbol}
      </span>
      <span className={symbolOnly ? "sr-only" : undefined}>{look.word}</span>
    </span>
  );
}
