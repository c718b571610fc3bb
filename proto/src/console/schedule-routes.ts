// Routes of schedules: a part of the table of `routes.ts`.
import { page, type Route } from "./route.ts";
import { runSchema } from "./run.ts";
import {
  missSchema,
  nextFiresQuery,
  nextFiresSchema,
  pauseScheduleBodySchema,
  scheduleExplanationSchema,
  scheduleListQuery,
  scheduleSchema,
  scheduleSteeredSchema,
} from "./schedule.ts";

const P = "/api/v1/projects/{project}" as const;
const S = `${P}/schedules/{schedule}` as const;

export const scheduleRoutes = {
  scheduleList: {
    method: "GET",
    path: `${P}/schedules`,
    summary: "Schedules of the active versions, with their next ticks",
    permission: "schedules:read",
    idempotency: "safe",
    query: scheduleListQuery,
    response: page(scheduleSchema),
  },
  scheduleGet: {
    method: "GET",
    path: S,
    summary: "One schedule, by WORKFLOW.TRIGGER",
    permission: "schedules:read",
    idempotency: "safe",
    response: scheduleSchema,
  },
  scheduleNext: {
    method: "GET",
    path: `${S}/next`,
    summary: "The next ticks of a schedule, with marks where clocks are changed",
    permission: "schedules:read",
    idempotency: "safe",
    query: nextFiresQuery,
    response: nextFiresSchema,
  },
  scheduleExplain: {
    method: "GET",
    path: `${S}/explain`,
    summary: "When a schedule fires next, or why it does not",
    permission: "schedules:read",
    idempotency: "safe",
    response: scheduleExplanationSchema,
  },
  scheduleFire: {
    method: "POST",
    path: `${S}/actions/fire`,
    summary: "Start its run now, as a tick of this moment; its own ticks stay as they are",
    permission: "runs:start",
    idempotency: "key",
    response: runSchema,
    status: 202,
    errors: ["state_conflict", "inputs_invalid", "limit_reached", "queue_full", "idempotency_key_reused"],
  },
  scheduleMisses: {
    method: "GET",
    path: `${S}/misses`,
    summary: "The newest ticks that became no run, with the reason of each",
    permission: "schedules:read",
    idempotency: "safe",
    response: page(missSchema),
  },
  schedulePause: {
    method: "POST",
    path: `${S}/actions/pause`,
    summary: "Pause a schedule: its ticks become no runs; repeats are harmless",
    permission: "schedules:write",
    idempotency: "yes",
    body: pauseScheduleBodySchema,
    response: scheduleSteeredSchema,
  },
  scheduleResume: {
    method: "POST",
    path: `${S}/actions/resume`,
    summary: "Let a paused schedule go on from its next tick; repeats are harmless",
    permission: "schedules:write",
    idempotency: "yes",
    response: scheduleSteeredSchema,
  },
} as const satisfies Readonly<Record<string, Route>>;
