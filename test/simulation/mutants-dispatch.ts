// Planted bugs of leases, dispatch and sessions.
import type { Mutant } from "./mutant.ts";

const dispatch = "control-plane/src/dispatch";
const gateway = "control-plane/src/gateway";
const result = "control-plane/src/result";
const here = "test/simulation";

export const dispatchMutants: readonly Mutant[] = [
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
    equivalent:
      "a renewal that comes late only lengthens what the control plane grants; the agent counts from its own readings, which a connection that is gone does not renew",
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
    equivalent:
      "the next heartbeat names it again and is told that it is unknown; what runs without a row was stopped by its own lease before the row was given up",
  },
  {
    id: "M56",
    what: "attempts of a host that restarted stay",
    file: `${result}/inventory.service.ts`,
    find: 'if (rows.rebooted && !(has && item.phase === "finished")) this.lose(agent, row, "host_rebooted");\n      else if (!has)',
    replace: "if (!has && !rows.rebooted)",
    equivalent:
      "what was in the journal is reported lost by the agent itself, and what was not is missing in its next heartbeat: only the cause that people read differs",
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
];
