// The engine's public face: what decides, without a database, a network or a clock. For rehearsals and for simulation.
export { advance, openDraft } from "./advance.ts";
export { offerContext } from "./context.ts";
export type { Draft, Surroundings } from "./draft.ts";
export type { EventOutcome, FinishResult, HistoryItem, RunEvent, TimerKind } from "./event.ts";
export { compilePlan, type Plan, type PlanTask } from "./plan.ts";
export { startRun } from "./run-machine.ts";
export { isSettled, nameAt, taskAt, type Run, type TaskRun } from "./snapshot.ts";
export { dispatch } from "./task-machine.ts";
