// What people see of schedules and do with them.
import {
  AppError,
  formatDuration,
  formatTime,
  nextFires,
  type CanonicalSchedule,
  type MissView,
  type RouteResponse,
  type ScheduleExplanation,
  type ScheduleSteered,
  type ScheduleView,
} from "@capstan/proto";
import type { ProjectScope } from "../http/request-context.ts";
import type { ScheduleRecord, ScheduleStore } from "./schedule.store.ts";
import { explainSchedule, missView } from "./explain.ts";
import { readSpec, scheduleName } from "./spec.ts";

const nextMax = 10;
const missesMax = 100;

export class ScheduleService {
  private readonly store: ScheduleStore;
  private readonly nowMs: () => number;

  constructor(store: ScheduleStore, nowMs: () => number) {
    this.store = store;
    this.nowMs = nowMs;
  }

  async list(project: ProjectScope, workflow: string | undefined): Promise<ScheduleView[]> {
    return (await this.store.list(project.id, workflow)).map(scheduleView);
  }

  /** @throws not_found */
  async show(project: ProjectScope, schedule: string): Promise<ScheduleView> {
    return scheduleView(await this.find(project, schedule));
  }

  /** The next ticks, whether or not it is paused. @throws not_found */
  async next(
    project: ProjectScope,
    schedule: string,
    asked: { readonly count?: number | undefined; readonly after?: string | undefined },
  ): Promise<RouteResponse<"scheduleNext">> {
    const { spec, ticks } = readSpec((await this.find(project, schedule)).spec);
    const afterMs = asked.after === undefined ? this.nowMs() : Date.parse(asked.after);
    const fires = nextFires(ticks, spec.schedule, { afterMs, count: asked.count ?? nextMax });
    return {
      schedule,
      timezone: spec.schedule.timezone ?? "UTC",
      data: fires.map(({ atMs, local, mark }) => ({ at: formatTime(atMs), local, mark: mark ?? null })),
    };
  }

  /** The newest ticks that became no run, with the reason of each. @throws not_found */
  async misses(project: ProjectScope, schedule: string): Promise<MissView[]> {
    const { workflow, trigger } = await this.find(project, schedule);
    const found = await this.store.misses(project.id, { workflow, trigger }, missesMax);
    return found.map(missView);
  }

  /** When it fires next, or why it does not. @throws not_found */
  async explain(project: ProjectScope, schedule: string): Promise<ScheduleExplanation> {
    const record = await this.find(project, schedule);
    const { workflow, trigger } = record;
    const [newest] = await this.store.misses(project.id, { workflow, trigger }, 1);
    return explainSchedule(scheduleView(record), newest, this.nowMs());
  }

  /** Repeats are harmless. @throws not_found */
  async setPause(
    project: ProjectScope,
    schedule: string,
    pause: { readonly actor: string; readonly reason: string } | undefined,
    actor: string,
  ): Promise<ScheduleSteered> {
    const changed = await this.store.setPause(project.id, partsOf(schedule), pause, actor);
    if (changed === undefined) throw noSchedule(project, schedule);
    return { schedule, state: pause === undefined ? "active" : "paused", already: !changed };
  }

  /** @throws not_found */
  async find(project: ProjectScope, schedule: string): Promise<ScheduleRecord> {
    const { workflow, trigger } = partsOf(schedule);
    const found = await this.store.find(project.id, workflow, trigger);
    if (found === undefined) throw noSchedule(project, schedule);
    return found;
  }
}

/** `daily.schedule`, or `daily` for the one that has no id. */
function partsOf(schedule: string): { readonly workflow: string; readonly trigger: string } {
  const [workflow = "", trigger = "schedule"] = schedule.split(".", 2);
  return { workflow, trigger };
}

const noSchedule = (project: ProjectScope, schedule: string): AppError =>
  new AppError("not_found", `There is no schedule ${schedule} in project ${project.name}.`);

function scheduleView(record: ScheduleRecord): ScheduleView {
  const { spec } = readSpec(record.spec);
  const at = (ms: number | undefined): string | null => (ms === undefined ? null : formatTime(ms));
  return {
    schedule: scheduleName(record.workflow, record.trigger),
    workflow: record.workflow,
    trigger: record.trigger,
    when: whenText(spec.schedule),
    timezone: spec.schedule.timezone ?? "UTC",
    state: !spec.enabled
      ? "disabled"
      : record.nextTickMs === undefined
        ? "over"
        : record.pause !== undefined
          ? "paused"
          : record.isWorkflowPaused
            ? "workflow_paused"
            : "active",
    pause:
      record.pause === undefined
        ? null
        : { actor: record.pause.actor, reason: record.pause.reason, at: formatTime(record.pause.atMs) },
    nextAt: at(record.nextTickMs),
    nextDueAt: at(record.dueMs),
    lastTickAt: at(record.lastTickMs),
    lastRun: record.lastRun ?? null,
    digest: record.digest,
  };
}

/** In the words of the file. */
/** When it comes, in the words of the file. */
export function whenText({ cron, everyMs, dates, businessDay, at, calendar }: CanonicalSchedule): string {
  const days = calendar === undefined ? "" : `, calendar ${calendar}`;
  if (cron !== undefined) return `cron ${cron.join(" | ")}${days}`;
  if (everyMs !== undefined) return `every ${formatDuration(everyMs)}`;
  if (businessDay !== undefined) return `working day ${businessDay} at ${at ?? ""}${days}`;
  return `${dates?.length ?? 0} dates`;
}
