// State diagrams and tables, from the transition tables that the engine obeys.
import {
  attemptTimers,
  attemptTransitions,
  backfillTimers,
  backfillTransitions,
  failureClasses,
  reasonCodes,
  runTimers,
  runTransitions,
  taskRunTimers,
  taskRunTransitions,
} from "@capstan/proto";
import { code, heading, table } from "./page.js";

function machine(title, first, transitions, timers) {
  const states = Object.keys(transitions);
  const ends = states.filter((state) => transitions[state].length === 0);
  const arrows = states.flatMap((state) => transitions[state].map((next) => `  ${state} --> ${next}`));
  const diagram = [
    "```mermaid",
    "stateDiagram-v2",
    `  [*] --> ${first}`,
    ...arrows,
    ...ends.map((end) => `  ${end} --> [*]`),
    "```",
  ];
  const rows = states.map((state) => [
    code(state),
    transitions[state].map(code).join(" ") || "none: it never changes again",
    timers[state] ?? "",
  ]);
  return `## ${title}\n\n${diagram.join("\n")}\n\n${table(["state", "may become", "what ends the waiting"], rows)}`;
}

export function statesPage() {
  const reasons = Object.entries(reasonCodes).map(([name, meaning]) => [code(name), meaning]);
  const payers = {
    attempts: "`retry.attempts`",
    lost: "`retry.lost`",
    free: "nobody",
    none: "there is no retry",
  };
  const failures = Object.entries(failureClasses).map(([name, entry]) => [
    code(name),
    entry.meaning,
    payers[entry.payer],
  ]);
  return [
    heading(
      "States",
      "Each set of states is one table in the contract, and nothing else lists states. A terminal state never changes.",
    ),
    machine("Run", "queued", runTransitions, runTimers),
    machine("Task run", "waiting", taskRunTransitions, taskRunTimers),
    machine("Attempt", "offered", attemptTransitions, attemptTimers),
    machine("Backfill", "running", backfillTransitions, backfillTimers),
    `## Reasons\n\nWhy something does not run. The same codes in API, command line, console and metrics.\n\n${table(["code", "meaning"], reasons)}`,
    `## Failure classes\n\nWhat went wrong, and who pays for another try.\n\n${table(["class", "meaning", "who pays"], failures)}`,
  ].join("\n");
}
