import { expect, test } from "vitest";
import type { PicturedAgent } from "./agent-picture.ts";
import { funnelOf } from "./funnel.ts";

const agent = (name: string, part: Partial<PicturedAgent> = {}): PicturedAgent => ({
  id: name,
  name,
  poolId: "p",
  state: "active",
  online: true,
  slots: 2,
  slotsUsed: 0,
  seen: undefined,
  labels: { os: "linux" },
  executors: ["run", "python"],
  pinned: {},
  allowData: undefined,
  resources: undefined,
  ...part,
});
const wanted = { poolId: "p", executor: "python", labels: { os: ["linux"] }, slots: 1 };
const ask = (agents: readonly PicturedAgent[]) => funnelOf(wanted, "onprem", agents);

test("each requirement narrows, and the numbers say where agents are lost", () => {
  const { steps, reason } = ask([
    agent("a"),
    agent("b", { poolId: "q" }),
    agent("c", { labels: { os: "mac" } }),
    agent("d", { executors: ["run"] }),
    agent("e", { online: false }),
    agent("f", { state: "draining" }),
    agent("g", { slotsUsed: 2 }),
    agent("h", { state: "revoked" }),
  ]);
  expect(steps.map((step) => step.count)).toEqual([7, 6, 5, 4, 3, 2, 1]);
  expect(reason).toBeUndefined();
});

test.each([
  ["no_agent_matches", agent("a", { labels: {} })],
  ["agents_offline", agent("a", { online: false })],
  ["agents_draining", agent("a", { state: "draining" })],
  ["agents_busy", agent("a", { slotsUsed: 2 })],
] as const)("the reason is %s where that is the last hurdle", (reason, only) => {
  expect(ask([only]).reason).toBe(reason);
});

test("the nearest agent is the one that lacks least, with what it lacks", () => {
  const { nearest } = ask([agent("far", { poolId: "q", labels: {} }), agent("near", { labels: { os: "mac" } })]);
  expect(nearest).toEqual({ agent: "near", lacks: "os=linux; it has os=mac" });
});

test("an agent without python3 is said to lack just that", () => {
  const { reason, nearest } = ask([agent("bare", { executors: ["run"] })]);
  expect(reason).toBe("no_agent_matches");
  expect(nearest?.lacks).toContain("python3");
});

test("what runsOn.expr asks for is a step of its own, and what the nearest agent lacks", () => {
  const funnel = funnelOf({ ...wanted, expr: "double(agent.labels.mem_gb) >= 32.0" }, "onprem", [
    agent("small", { labels: { os: "linux", mem_gb: "8" } }),
    agent("other", { labels: { os: "mac", mem_gb: "64" } }),
  ]);
  expect(funnel.reason).toBe("no_agent_matches");
  expect(funnel.steps.slice(-4).map(({ step, count }) => [step, count])).toEqual([
    ["double(agent.labels.mem_gb) >= 32.0", 0],
    ["online", 0],
    ["not draining", 0],
    ["with a free slot", 0],
  ]);
  expect(funnel.nearest).toEqual({
    agent: "small",
    lacks: "what runsOn.expr asks for: double(agent.labels.mem_gb) >= 32.0",
  });
});

test("more than any host has is no matter of waiting", () => {
  const host = { cpu: 4, memoryBytes: 8 * 1024 ** 3, gpu: 0, diskBytes: 0 };
  const takes = { cpu: 2, memoryBytes: 16 * 1024 ** 3 };
  const of = (agents: readonly PicturedAgent[]) => funnelOf({ ...wanted, takes }, "onprem", agents);
  const small = of([agent("small", { resources: host })]);
  expect(small.reason).toBe("no_agent_matches");
  expect(small.steps.find(({ step }) => step === "on a host with 16Gi memory")?.count).toBe(0);
  expect(small.nearest).toEqual({ agent: "small", lacks: "16Gi memory; it has 8Gi memory" });
  expect(of([agent("old")]).nearest?.lacks).toBe("2 cpu; it counts none");
  expect(of([agent("big", { resources: { ...host, memoryBytes: 64 * 1024 ** 3 } })]).reason).toBeUndefined();
  const slots = funnelOf({ ...wanted, slots: 3 }, "onprem", [agent("two")]);
  expect(slots).toMatchObject({ reason: "no_agent_matches", nearest: { lacks: "3 slots; it has 2" } });
});

test("conformance 55: a label that an agent only says of itself does not satisfy a data rule", () => {
  const of = (pinned: PicturedAgent["pinned"]) =>
    funnelOf({ ...wanted, labels: { zone: ["onprem"] }, dataRules: { zone: ["onprem"] } }, "onprem", [
      agent("db-1", { labels: { zone: "onprem" }, pinned }),
    ]);
  expect(of({})).toMatchObject({
    reason: "data_rule_blocks",
    nearest: { agent: "db-1", lacks: "zone=onprem, fixed by its join token" },
  });
  expect(of({ zone: "cloud" }).reason).toBe("data_rule_blocks");
  expect(of({ zone: "onprem" }).reason).toBeUndefined();
});

test("an agent whose owner does not allow the class is named with what it lacks", () => {
  const patient = { ...wanted, data: ["patient"] };
  const { steps, reason, nearest } = funnelOf(patient, "onprem", [agent("a", { allowData: ["finance"] })]);
  expect(steps.find(({ step }) => step === "allowing the data class patient")?.count).toBe(0);
  expect(reason).toBe("data_rule_blocks");
  expect(nearest).toEqual({ agent: "a", lacks: "patient in allowData of its policy file" });
});
