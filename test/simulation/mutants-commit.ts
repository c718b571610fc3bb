// Planted bugs of fences and of the commit stage.
import type { Mutant } from "./mutant.ts";

const engine = "control-plane/src/engine";
const commit = "control-plane/src/commit";

export const commitMutants: readonly Mutant[] = [
  // Fences.
  {
    id: "M01",
    what: "an event counts whatever its epoch and attempt",
    file: `${engine}/attempt-machine.ts`,
    find: "task.live.id === attemptId && task.live.epoch === epoch",
    replace: "task.live.epoch >= 0",
  },
  {
    id: "M02",
    what: "reports are not fenced by their session",
    file: `${commit}/batch.ts`,
    find: "for (const reporter of entry.reporters) fence(reporter.agentId, reporter.session);",
    replace: "",
  },
  {
    id: "M03",
    what: "direct offers are not fenced by their session",
    file: `${commit}/batch.ts`,
    find: "fence(placed.direct.agentId, placed.direct.session);",
    replace: "",
    equivalent:
      "a session's end does not undo its offers: a row of an older session is taken back by the next hello or heartbeat, as one that committed a moment earlier is (docs/protocol.md, L2)",
  },
  {
    id: "M04",
    what: "direct offers are not fenced by their lane",
    file: `${commit}/batch.ts`,
    find: "if (known === undefined) rows.laneFences.set(laneId, { p, l: laneId, rs: [r] });",
    replace: "if (known === undefined) continue;",
  },
  {
    id: "M05",
    what: "the backlog that a replica knows is not asked before a direct offer, nor is the lane fenced",
    file: `${commit}/batch.ts`,
    find: "if (placed.direct === undefined) queued.set(placed.position, placed);\n    else {",
    replace: "if (placed.direct === undefined) queued.set(placed.position, placed);\n    else if (Date.now() < 0) {",
  },
  // Commit.
  {
    id: "M06",
    what: "offers leave and answers are given before the commit",
    file: `${commit}/commit-loop.ts`,
    find: "      accepted = await this.parts.store.write(rows);",
    replace:
      "      for (const one of decided) this.settle(one, undefined);\n      accepted = await this.parts.store.write(rows);",
  },
  {
    id: "M07",
    what: "a refused run is believed",
    file: `${commit}/commit-loop.ts`,
    find: "if (accepted.has(one.after.id)) this.settle",
    replace: "if (accepted.size >= 0) this.settle",
  },
  {
    id: "M08",
    what: "a refused run's snapshot is not loaded again",
    file: `${commit}/commit-loop.ts`,
    find: "    for (const one of refused) {\n      this.cache.drop(one.after.id);",
    replace: "    for (const one of refused) {",
  },
  {
    id: "M09",
    what: "what a batch could not be known to have done is believed not to have been done",
    file: `${commit}/commit-loop.ts`,
    find: '      if (pending.runId !== "") this.cache.drop(pending.runId);\n',
    replace: "",
    equivalent: "the same runs are dropped a few lines above, where they were decided; the version is compared besides",
  },
  {
    id: "M10",
    what: "an ambiguous commit is answered as a success",
    file: `${commit}/commit-loop.ts`,
    find: "      if (this.options.isUnavailable(error) || decided.length === 1) {",
    replace:
      "      if (this.options.isUnavailable(error)) {\n        for (const one of decided) this.settle(one, undefined);\n        return;\n      }\n      if (decided.length === 1) {",
  },
  {
    id: "M11",
    what: "a slot of a refused offer is not given back",
    file: `${commit}/commit-loop.ts`,
    find: "      this.cache.drop(one.after.id);\n      for (const slot of one.slots) this.parts.sessions.giveBack(slot);\n    }\n    try {",
    replace: "      this.cache.drop(one.after.id);\n    }\n    try {",
  },
  {
    id: "M12",
    what: "an event that changes nothing is answered from a cached snapshot",
    file: `${commit}/commit-loop.ts`,
    find: 'if (!pending.isFresh && pending.events.length > 0) return "doubted";',
    replace: "",
  },
  {
    id: "M13",
    what: "a used key makes another run",
    file: `${commit}/batch.ts`,
    find: "ke: start.idempotency?.key,",
    replace: "ke: start.idempotency === undefined ? undefined : `${start.idempotency.key} ${after.id}`,",
  },
  {
    id: "M14",
    what: "the epoch of a run's events has a gap",
    file: `${engine}/draft.ts`,
    find: "eventSeq: (this.before?.eventSeq ?? 0) + this.history.length,",
    replace: "eventSeq: (this.before?.eventSeq ?? 0) + this.history.length + (this.timers.size > 1 ? 1 : 0),",
  },
  {
    id: "M15",
    what: "counters of tries are not kept",
    file: `${commit}/batch.ts`,
    find: "  return {\n    tries,\n",
    replace: "  return {\n",
  },
  {
    id: "M16",
    what: "the effect of an ended task run is not kept",
    file: `${commit}/batch.ts`,
    find: "    ...(task.effect === undefined ? {} : { effect: task.effect }),\n",
    replace: "",
  },
  {
    id: "M17",
    what: "that a task run is stopped for its timeout is not kept",
    file: `${commit}/batch.ts`,
    find: "    ...(task.stopping === undefined ? {} : { stopping: task.stopping }),\n",
    replace: "",
  },
  {
    id: "M18",
    what: "the timeout is counted from the agent's wall clock",
    file: `${commit}/batch.ts`,
    find: "b: nowMs + timeoutMs",
    replace: "b: attempt.startedMs + timeoutMs",
  },
];
