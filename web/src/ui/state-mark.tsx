import {
  Ban,
  Check,
  Circle,
  CircleDashed,
  CircleDot,
  CircleHelp,
  CirclePause,
  CircleSlash,
  Hourglass,
  RotateCw,
  Square,
  X,
  type LucideIcon,
} from "lucide-react";
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

// Drawn, not written: which fonts a machine has decides whether a written symbol shows, and in which colour.
const icons: Record<AnyState, LucideIcon> = {
  waiting: Circle,
  queued: CircleDashed,
  dispatched: CircleDashed,
  offered: CircleDashed,
  running: CircleDot,
  finishing: CircleDot,
  retrying: RotateCw,
  suspended: CirclePause,
  paused: CirclePause,
  cancelling: CircleSlash,
  succeeded: Check,
  failed: X,
  rejected: X,
  timed_out: Hourglass,
  cancelled: Square,
  skipped: Ban,
  lost: CircleHelp,
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
  const Icon = icons[state];
  return (
    <span
      className={cn("inline-flex items-center gap-1.5 font-medium whitespace-nowrap", toneText[look.tone], className)}
    >
      <Icon aria-hidden="true" className="size-[1.1em] shrink-0" />
      <span className={symbolOnly ? "sr-only" : undefined}>{look.word}</span>
    </span>
  );
}
