// Planted bugs of what runs by itself, and of what the simulator found there.
import type { Mutant } from "./mutant.ts";

const source = "control-plane/src";

export const automationMutants: readonly Mutant[] = [
  {
    id: "M90",
    what: "the start of a tick claims no row",
    file: `${source}/schedule/tick-starter.ts`,
    find: "      claim: { runId, position, kind },\n",
    replace: "",
  },
  {
    id: "M91",
    what: "a tick that is late is made up for although its schedule says skip",
    file: `${source}/engine/schedule.ts`,
    find: '    case "skip":\n      return [];',
    replace: '    case "skip":\n      return late.slice(-1);',
  },
  {
    id: "M92",
    what: "a tick begins beside the run of the one before, although its schedule says skip",
    file: `${source}/engine/schedule.ts`,
    find: "const kept = isGoing ? [] : starts.slice(0, 1);",
    replace: "const kept = starts.slice(0, 1);",
  },
  {
    id: "M93",
    what: "a tick waits for no run, although its schedule says queue",
    file: `${source}/schedule/tick-starter.ts`,
    find: "if (body.after !== undefined && (await",
    replace: "if (body.after === timer.runId && (await",
  },
  {
    id: "M94",
    what: "the tick that was decided stays the next one",
    file: `${source}/engine/schedule.ts`,
    find: "nextTickMs: notDue ?? nothingDue ?? ticks.next(nowMs) };",
    replace: "nextTickMs: notDue ?? nothingDue ?? ticks.next(nowMs - 4000) };",
  },
  {
    id: "M95",
    what: "what holds an equal key is not waited for",
    file: `${source}/cache/answer-cache.ts`,
    find: "      return { holder: { ...answer.by } };",
    replace: "      return {};",
  },
  {
    id: "M96",
    what: "what a failed task run brought is kept for equal ones",
    file: `${source}/engine/cache.ts`,
    find: 'const isOwn = held && task.state === "succeeded" &&',
    replace: "const isOwn = held &&",
  },
  {
    id: "M97",
    what: "one that waits for a key does not look again",
    file: `${source}/engine/cache.ts`,
    find: '    draft.set(position, { reason: { code: "limit_reached", evidence } });\n    look(draft, position, suspension.key, nextMs);',
    replace: '    draft.set(position, { reason: { code: "limit_reached", evidence } });',
  },
  {
    id: "M98",
    what: "a run that has begun is late to begin",
    file: `${source}/engine/late.ts`,
    find: '  if (mark === "startWithin" && draft.hasStarted()) return { kind: "accepted" };\n  run.late',
    replace: "  run.late",
  },
  {
    id: "M99",
    what: "a retry has the variables of today",
    file: `${source}/trigger/early-run.ts`,
    find: "const kept = repeats === undefined ? {} : varsOf(repeats);",
    replace: "const kept = {} as JsonObject;",
  },
  {
    id: "M100",
    what: "the run of a delivery claims no row",
    file: `${source}/trigger/trigger-starter.ts`,
    find: "      claim: { runId, position, kind },\n",
    replace: "",
  },
  {
    id: "M101",
    what: "workflows start each other for ever",
    file: `${source}/trigger/trigger-starter.ts`,
    find: "    if (chain > chainMax)",
    replace: "    if (chain > chainMax * 1e6)",
  },
  {
    id: "M102",
    what: "an operation that another replica takes over starts its runs again",
    file: `${source}/operation/operation-loop.ts`,
    find: "key: `operation ${place}`,",
    replace: "key: `operation ${place} ${performance.now()}`,",
  },
  // Found by the simulator in the product, and mended there.
  {
    id: "M103",
    what: "an operation refuses for good what the database could not be asked for",
    file: `${source}/operation/operation-loop.ts`,
    find: "    if (parts.isUnavailable(error)) return undefined;\n",
    replace: "",
  },
  {
    id: "M104",
    what: "a deadlock is a bug of the delivery that met it",
    file: `${source}/commit/commit-parts.ts`,
    find: "  if (isRolledBack(error))",
    replace: "  if (isRolledBack(error) && isUnavailable)",
  },
  {
    id: "M105",
    what: "the start of an earlier child takes the row of the next one",
    file: "test/simulation/sim-database.ts",
    find: "return asked === r && this.timers.delete(key);",
    replace: "return this.timers.delete(key);",
  },
  {
    id: "M106",
    what: "what a tick was to cancel goes on beside the tick that takes its place",
    file: `${source}/schedule/schedule-rounds.ts`,
    find: "row.isGoing ? row.lastCancels : [];",
    replace: "row.isGoing ? row.lastCancels.slice(0, 0) : [];",
  },
];
