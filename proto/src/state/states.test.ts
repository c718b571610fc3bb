import { expect, test } from "vitest";
import { attemptStates, attemptTimers, attemptTransitions } from "./attempt.ts";
import { backfillStates, backfillTimers, backfillTransitions } from "./backfill.ts";
import { runStates, runTimers, runTransitions } from "./run.ts";
import { taskRunStates, taskRunTimers, taskRunTransitions } from "./task-run.ts";

const machines = [
  { name: "run", first: "queued", states: runStates, transitions: runTransitions, timers: runTimers },
  { name: "task run", first: "waiting", states: taskRunStates, transitions: taskRunTransitions, timers: taskRunTimers },
  { name: "attempt", first: "offered", states: attemptStates, transitions: attemptTransitions, timers: attemptTimers },
  {
    name: "backfill",
    first: "running",
    states: backfillStates,
    transitions: backfillTransitions,
    timers: backfillTimers,
  },
] as const;

for (const machine of machines) {
  const transitions: Readonly<Record<string, readonly string[]>> = machine.transitions;

  test(`every state of the ${machine.name} can be reached, and every way ends`, () => {
    const reached = new Set<string>([machine.first]);
    for (const state of reached) for (const next of transitions[state] ?? []) reached.add(next);
    expect([...reached].sort()).toEqual([...machine.states].sort());
    const ends = (state: string, seen: ReadonlySet<string>): boolean => {
      const next = transitions[state] ?? [];
      return next.length === 0 || next.some((one) => !seen.has(one) && ends(one, new Set([...seen, one])));
    };
    for (const state of machine.states) expect(ends(state, new Set([state])), state).toBe(true);
  });

  test(`every state of the ${machine.name} that is not terminal has a timer or a reason, and no other has one`, () => {
    const open = machine.states.filter((state) => (transitions[state] ?? []).length > 0);
    expect(Object.keys(machine.timers).sort()).toEqual([...open].sort());
  });
}
