// Planted bugs of the agent and its runner.
import type { Mutant } from "./mutant.ts";

const here = "test/simulation";

export const agentMutants: readonly Mutant[] = [
  {
    id: "M70",
    what: "the agent does not ask how old an offer can be",
    file: "agent/src/claim/admission.ts",
    find: "  if (age >= bound)",
    replace: "  if (age >= bound * 1e6)",
    equivalent:
      "an offer belongs to its connection (M76), and its lease counts from the heartbeat that it names, however late it comes (M71), so the last look of the runner refuses what is too old (M80)",
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
    file: `${here}/agent-connection.ts`,
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
    file: `${here}/agent-connection.ts`,
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
    file: `${here}/agent-connection.ts`,
    find: "    return { free: this.free(), offers: this.offers };",
    replace: "    return { free: this.free(), offers: this.offers + 1 };",
  },
  {
    id: "M82",
    what: "a held attempt is not listed in the heartbeat until it runs",
    file: `${here}/agent-connection.ts`,
    find: "    return Array.from(this.held.values(), ({ attempt, epoch })",
    replace:
      '    return Array.from([...this.held.values()].filter((one) => one.phase !== "taken"), ({ attempt, epoch })',
  },
];
