// Planted bugs: exact replacements in the product and in the simulated agent. `find` must occur once, else the list is
// stale and the run says so. Each must be killed by some seed, or stands here with the reason why nothing can show it.
export interface Mutant {
  readonly id: string;
  readonly what: string;
  /** Path in the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Why no simulated history can show it; only where that is so. */
  readonly equivalent?: string;
}

const engine = "control-plane/src/engine";
const commit = "control-plane/src/commit";
const dispatch = "control-plane/src/dispatch";
const gateway = "control-plane/src/gateway";
const result = "control-plane/src/result";
const here = "test/simulation";

export const mutants: readonly Mutant[] = [
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
  // The engine: attempts.
  {
    id: "M20",
    what: "a failure after its time was over keeps its class",
    file: `${engine}/attempt-machine.ts`,
    find: 'which === "timeout" && result?.failure?.class === "timeout" ? result.failure',
    replace: 'which === "timeout" && result?.failure !== undefined ? result.failure',
  },
  {
    id: "M21",
    what: "a lost attempt is always tried again",
    file: `${engine}/attempt-machine.ts`,
    find: 'planTask.onLost === "retry" && task.tries.lost < planTask.retry.lost',
    replace: 'planTask.onLost === "retry"',
  },
  {
    id: "M22",
    what: "onLost: fail is not obeyed",
    file: `${engine}/attempt-machine.ts`,
    find: 'planTask.onLost === "retry" && task.tries.lost',
    replace: "task.tries.lost",
  },
  {
    id: "M23",
    what: "a lost attempt's losses are not counted",
    file: `${engine}/attempt-machine.ts`,
    find: "tries: { ...task.tries, lost: task.tries.lost + 1 }",
    replace: "tries: task.tries",
  },
  {
    id: "M24",
    what: "a paid try is not counted",
    file: `${engine}/attempt-machine.ts`,
    find: "{ ...task.tries, paid: task.tries.paid + 1 }",
    replace: "{ ...task.tries, paid: task.tries.paid }",
  },
  {
    id: "M25",
    what: "a try of set-up is paid by the author",
    file: `${engine}/attempt-machine.ts`,
    find: "setup ? { ...task.tries, setup: task.tries.setup + 1 } :",
    replace: "setup ? { ...task.tries, paid: task.tries.paid + 1 } :",
  },
  {
    id: "M26",
    what: "a cancelled task run takes the success that comes late",
    file: `${engine}/attempt-machine.ts`,
    find: '  if (task.state === "cancelling") {\n    // Cancel wins',
    replace: '  if (task.state === "cancelling" && result.outcome !== "succeeded") {\n    // Cancel wins',
  },
  {
    id: "M27",
    what: "outputs are taken without a look at what is declared",
    file: `${engine}/attempt-machine.ts`,
    find: "  if (problem !== undefined) {",
    replace: "  if (problem !== undefined && endedMs < 0) {",
  },
  {
    id: "M28",
    what: "a retry has no timer",
    file: `${engine}/attempt-machine.ts`,
    find: '  draft.setTimer(position, "retry", dueMs);\n',
    replace: "",
  },
  {
    id: "M29",
    what: "a retry comes at once",
    file: `${engine}/attempt-machine.ts`,
    find: '  draft.setTimer(position, "retry", dueMs);\n',
    replace: '  draft.setTimer(position, "retry", draft.around.nowMs);\n',
  },
  {
    id: "M30",
    what: "an event of a task is taken in any order",
    file: `${engine}/attempt-machine.ts`,
    find: "  if (event.seq > live.eventSeq + 1) return",
    replace: "  if (event.seq > live.eventSeq + 1000) return",
  },
  // The engine: runs and task runs.
  {
    id: "M31",
    what: "a new attempt has the epoch of the one before",
    file: `${engine}/task-machine.ts`,
    find: "epoch: Math.max(task.epoch, base) + 1,",
    replace: "epoch: Math.max(task.epoch, base + 1),",
  },
  {
    id: "M32",
    what: "a task starts when some of its needs have ended",
    file: `${engine}/join.ts`,
    find: '      if (fail + cancel + skip > 0) return "skip";\n      return open > 0 ? "wait" : "ready";',
    replace: '      if (fail + cancel + skip > 0) return "skip";\n      return open > 1 ? "wait" : "ready";',
  },
  {
    id: "M33",
    what: "a skipped need is no reason to skip",
    file: `${engine}/join.ts`,
    find: "if (fail + cancel + skip > 0)",
    replace: "if (fail + cancel > 0)",
  },
  {
    id: "M34",
    what: "one_success starts after a tolerated failure",
    file: `${engine}/join.ts`,
    find: "if (ok > 0 || total === 0) return",
    replace: "if (ok + tolerated > 0 || total === 0) return",
  },
  {
    id: "M35",
    what: "a skip forgets the failure behind it",
    file: `${engine}/join.ts`,
    find: '  if (needs.fail > 0) return "fail";\n',
    replace: "",
  },
  {
    id: "M36",
    what: "allowFailure does not tolerate",
    file: `${engine}/task-machine.ts`,
    find: 'effect: planTask.allowFailure ? "tolerated" : "fail",',
    replace: 'effect: "fail",',
  },
  {
    id: "M37",
    what: "a cancelled run starts what was waiting",
    file: `${engine}/task-machine.ts`,
    find: "draft.run.cancel !== undefined && !planTask.cleanup",
    replace: "draft.run.cancel !== undefined && planTask.needs.length > 9",
  },
  {
    id: "M38",
    what: "a cancel does not stop what runs",
    file: `${engine}/run-machine.ts`,
    find: "  stopTasks(draft, cancel.force);\n",
    replace: "",
  },
  {
    id: "M39",
    what: "cleanup has no end",
    file: `${engine}/run-machine.ts`,
    find: '    draft.setTimer(-1, "cleanup", draft.around.nowMs + run.plan.cleanupTimeoutMs);\n',
    replace: "",
  },
  {
    id: "M40",
    what: "the end of the time for cleanup spares cleanup tasks",
    file: `${engine}/run-machine.ts`,
    find: "  stopTasks(draft, true);\n",
    replace: "  stopTasks(draft, false);\n",
  },
  {
    id: "M41",
    what: "a run that was cancelled ends as its task runs say",
    file: `${engine}/run-machine.ts`,
    find: "  if (run.cancel !== undefined) {\n    draft.clearTimer",
    replace: "  if (run.cancel !== undefined && run.cancel.force) {\n    draft.clearTimer",
  },
  {
    id: "M42",
    what: "a tolerated failure fails the run",
    file: `${engine}/run-machine.ts`,
    find: 'if (task.effect === "tolerated" || task.failure === undefined) continue;',
    replace: "if (task.failure === undefined) continue;",
  },
  {
    id: "M43",
    what: "hooks of failure do not run when the time was over",
    file: `${engine}/run-machine.ts`,
    find: 'state === "timed_out" ? ["onFailure", "onEnd"]',
    replace: 'state === "timed_out" ? ["onEnd"]',
  },
  {
    id: "M44",
    what: "what was overdue stops whichever attempt is there",
    file: `${engine}/advance.ts`,
    find: 'if (live?.id !== event.attemptId || live.epoch !== event.epoch) return { kind: "duplicate" };',
    replace: 'if (live?.epoch === -1) return { kind: "duplicate" };',
  },
  {
    id: "M45",
    what: "a deadline is believed without a look at the clock",
    file: `${engine}/advance.ts`,
    find: "if (draft.run.deadlineMs > draft.around.nowMs ||",
    replace: "if (draft.run.deadlineMs < 0 ||",
    equivalent:
      "deadlines are found by the database's clock before they are told; only a jump of that clock in between shows",
  },
  {
    id: "M46",
    what: "a paused run dispatches what becomes ready",
    file: `${engine}/task-machine.ts`,
    find: '  if (draft.run.state === "paused") hold(draft, position);\n  else draft.ready',
    replace: "  draft.ready",
  },
  {
    id: "M47",
    what: "a resumed run leaves what it held",
    file: `${engine}/pause.ts`,
    find: "  setRunMarks(draft);\n  releaseHeld(draft);\n",
    replace: "  setRunMarks(draft);\n",
  },
  // Leases, dispatch, sessions.
  {
    id: "M50",
    what: "no margin after the lease, and half of it",
    file: `${here}/sim-tables.ts`,
    find: "return renewedMs + one.leaseMs + this.options.marginMs(one.leaseMs);",
    replace: "return renewedMs + one.leaseMs / 2;",
  },
  {
    id: "M51",
    what: "a heartbeat of an older session renews",
    file: `${here}/sim-reads.ts`,
    find: "if (row?.session !== renewal.session) return false;",
    replace: "if (row === undefined) return false;",
  },
  {
    id: "M52",
    what: "a heartbeat is acknowledged before its renewal is committed",
    file: `${gateway}/heartbeat.ts`,
    find: "  const current = await session.services.leases.renew({\n    projectId,\n    agentId,\n    session: session.session,\n    heartbeat: body.n,\n  });",
    replace:
      "  session.services.leases.renew({ projectId, agentId, session: session.session, heartbeat: body.n }).catch(() => false);\n  const current = true as boolean;",
  },
  {
    id: "M53",
    what: "an attempt that is not held is lost although its offer is not decided",
    file: `${result}/inventory.service.ts`,
    find: "row.session < session || (row.session === session && row.seq <= offers)",
    replace: "row.session <= session",
  },
  {
    id: "M54",
    what: "what a heartbeat does not hold is never taken back",
    file: `${result}/inventory.service.ts`,
    find: "else if (row.session < session || (row.session === session && row.seq <= offers)) {",
    replace: "else if (row.session < 0) {",
  },
  {
    id: "M55",
    what: "what an agent holds wrongly is not disowned",
    file: `${result}/inventory.service.ts`,
    find: '  if (item.phase !== "finished") return { ...base, do: "abandon" };',
    replace: '  if (item.phase !== "finished") return { ...base, do: "continue" };',
  },
  {
    id: "M56",
    what: "attempts of a host that restarted stay",
    file: `${result}/inventory.service.ts`,
    find: 'if (rows.rebooted && !(has && item.phase === "finished")) this.lose(agent, row, "host_rebooted");\n      else if (!has)',
    replace: "if (!has && !rows.rebooted)",
  },
  {
    id: "M57",
    what: "an offer that was given back is not counted as decided",
    file: `${gateway}/slot-ledger.ts`,
    find: "return this.#decided >= this.#lastSent ? this.#nextToSend - 1 : this.#decided;",
    replace: "return this.#decided;",
  },
  {
    id: "M58",
    what: "offers leave in any order",
    file: `${gateway}/slot-ledger.ts`,
    find: "    if (seq !== this.#nextToSend) {\n      this.#waiting.set(seq, offer);\n      return;\n    }",
    replace:
      "    if (seq !== this.#nextToSend) {\n      this.#leave(seq, offer, out);\n      this.#waiting.set(seq, undefined);\n      return;\n    }",
  },
  {
    id: "M59",
    what: "offers are made on a session that was not renewed for long, and name its newest heartbeat",
    file: `${gateway}/session.ts`,
    find: "nowMs - this.renewedMs <=",
    replace: "nowMs - this.renewedMs - 1e9 <=",
    equivalent: "the agent refuses an offer whose heartbeat is too old (M70), and that refusal costs nothing but time",
  },
  {
    id: "M60",
    what: "a claim that was not accepted keeps its slot",
    file: `${dispatch}/dispatch-loop.ts`,
    find: '          if (outcome.kind === "accepted") return true;\n          sessions.giveBack(slot);',
    replace: '          if (outcome.kind === "accepted") return true;',
  },
  {
    id: "M61",
    what: "nobody ends leases",
    file: `${dispatch}/lease-loop.ts`,
    find: "const ended = await store.endedLeases(batchMax);",
    replace: "const ended = (await store.endedLeases(batchMax)).slice(0, 0);",
  },
  {
    id: "M62",
    what: "a lane that was found empty once is never looked at again",
    file: `${dispatch}/dispatch-loop.ts`,
    find: "      backlog.replace(waiting);\n",
    replace: "",
  },
  {
    id: "M63",
    what: "an older hello is taken",
    file: `${here}/sim-stores.ts`,
    find: "if (hello.connectNo <= row.connectNo) return",
    replace: "if (hello.connectNo < 0) return",
  },
  // The agent and its runner.
  {
    id: "M70",
    what: "the agent does not ask how old an offer can be",
    file: "agent/src/claim/admission.ts",
    find: "  if (age >= bound)",
    replace: "  if (age >= bound * 1e6)",
  },
  {
    id: "M71",
    what: "the lease counts from the receipt of the offer",
    file: `${here}/agent.ts`,
    find: "const base = this.readings.get(offer.heartbeat);",
    replace: "const base = this.readings.has(offer.heartbeat) ? this.parts.host.clocks() : undefined;",
  },
  {
    id: "M72",
    what: "the lease counts from the receipt of the acknowledgement",
    file: `${here}/agent.ts`,
    find: "    this.parts.host.renew(reading);",
    replace: "    this.parts.host.renew(this.parts.host.clocks());",
  },
  {
    id: "M73",
    what: "the runner measures with the monotonic clock alone",
    file: "agent/src/runner/lease-table.ts",
    find: "const elapsed = elapsedMs(entry.base, now);",
    replace: "const elapsed = now.monoMs - entry.base.monoMs;",
  },
  {
    id: "M74",
    what: "the end of the lease sends SIGTERM only",
    file: "agent/src/runner/lease-table.ts",
    find: 'actions.push({ do: "kill", attempt });',
    replace: 'entry.phase = "killed";',
  },
  {
    id: "M75",
    what: "a renewal after the stop has begun counts",
    file: "agent/src/runner/lease-table.ts",
    find: 'if (entry.phase === "live" && base.monoMs > entry.base.monoMs) entry.base = base;',
    replace:
      'if (base.monoMs > entry.base.monoMs) {\n        entry.base = base;\n        entry.phase = "live";\n      }',
    equivalent:
      "a stop that has begun is not undone by it: the program has its signal and the runner its timer; no second stop is due before the first has ended",
  },
  {
    id: "M76",
    what: "frames of an older connection are read",
    file: `${here}/agent.ts`,
    find: "        if (this.connection === connection) this.onText(text);",
    replace: "        this.onText(text);",
  },
  {
    id: "M77",
    what: "a result is reported before it is on disk, and dropped when sent",
    file: `${here}/agent.ts`,
    find: '      this.journal.append({ t: "result", item: finish });\n      this.sync(() => {\n        this.parts.host.retire(held.attempt);\n        this.report(finish);\n      });',
    replace: "      this.parts.host.retire(held.attempt);\n      this.report(finish);",
  },
  {
    id: "M78",
    what: "a restarted agent forgets what it had taken",
    file: `${here}/agent.ts`,
    find: "    for (const one of host.carried.values()) {\n      const { attempt, epoch } = one.offer;",
    replace:
      "    for (const one of [...host.carried.values()].slice(0, 0)) {\n      const { attempt, epoch } = one.offer;",
  },
  {
    id: "M79",
    what: "a doubled or older offer starts again",
    file: `${here}/agent.ts`,
    find: "      if (attempt.seq <= this.offers) continue;",
    replace: "",
    equivalent: "offers of one connection come once and in order; what is held already is refused by the line behind",
  },
  {
    id: "M80",
    what: "the runner starts without a last look at the lease",
    file: `${here}/host.ts`,
    find: 'one.offer.onLeaseEnd === "stop" &&\n      elapsedMs(newest, this.clocks()) >=',
    replace: 'one.offer.onLeaseEnd === "stop" &&\n      elapsedMs(newest, this.clocks()) >= 1e9 +',
  },
  {
    id: "M81",
    what: "heartbeats say that all offers up to the newest are decided before they are read",
    file: `${here}/agent.ts`,
    find: "    return { free: this.free(), offers: this.offers };",
    replace: "    return { free: this.free(), offers: this.offers + 1 };",
  },
  {
    id: "M82",
    what: "a held attempt is not listed in the heartbeat until it runs",
    file: `${here}/agent.ts`,
    find: "    return Array.from(this.held.values(), ({ attempt, epoch })",
    replace:
      '    return Array.from([...this.held.values()].filter((one) => one.phase !== "taken"), ({ attempt, epoch })',
  },
];
