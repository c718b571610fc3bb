import { expect, test } from "vitest";
import { mismatch, preferenceOf, type Candidate } from "./placement.ts";

const agent = (part: Partial<Candidate> = {}): Candidate => ({
  poolId: "p",
  name: "big-1",
  slots: 8,
  labels: { mem_gb: "64", zone: "onprem" },
  executors: ["run"],
  pinned: {},
  allowData: undefined,
  resources: undefined,
  ...part,
});
const wanted = (expr: string) => ({ poolId: "p", executor: "run", labels: {}, expr });

test.each([
  ["double(agent.labels.mem_gb) >= 32.0", undefined],
  ["double(agent.labels.mem_gb) >= 128.0", "expr"],
  ['agent.name.startsWith("big-")', undefined],
  ["agent.slots >= 8", undefined],
  ["agent.slots > 8", "expr"],
  // A label that is not there, and one that is no number, mean no.
  ["double(agent.labels.gpu_gb) >= 1.0", "expr"],
  ["double(agent.labels.zone) >= 1.0", "expr"],
  ['agent.labels.zone == "onprem" || double(agent.labels.gpu_gb) >= 1.0', undefined],
] as const)("%s → %s", (expr, kind) => {
  expect(mismatch(wanted(expr), agent())?.kind).toBe(kind);
});

test("the weights of all preferences that an agent meets count together", () => {
  const preferences = [
    { labels: { zone: ["onprem"] }, weight: 10 },
    { labels: { zone: ["cloud", "onprem"], mem_gb: ["64"] }, weight: 5 },
    { agentId: "a", weight: 50 },
    { labels: { zone: ["cloud"] }, weight: 100 },
  ];
  const { labels } = agent();
  expect(preferenceOf(preferences, { agentId: "b", labels })).toBe(15);
  expect(preferenceOf(preferences, { agentId: "a", labels })).toBe(65);
});

test("a host must have in all what an attempt takes, whether it is free now or not", () => {
  const resources = { cpu: 2, memoryBytes: 1024, gpu: 0, diskBytes: 0 };
  const ask = (takes: object, host: Candidate["resources"] = resources) =>
    mismatch({ poolId: "p", executor: "run", labels: {}, takes }, agent({ resources: host }));
  expect(ask({ cpu: 2, memoryBytes: 1024 })).toBeUndefined();
  expect(ask({ cpu: 2.5 })).toEqual({ kind: "resource", resource: "cpu", wanted: 2.5, found: 2 });
  expect(ask({ gpu: 1 })).toEqual({ kind: "resource", resource: "gpu", wanted: 1, found: 0 });
  const silent = mismatch({ poolId: "p", executor: "run", labels: {}, takes: { cpu: 1 } }, agent());
  expect(silent).toEqual({ kind: "resource", resource: "cpu", wanted: 1, found: undefined });
});

test("a data rule asks what the join token has fixed, whatever else the agent says", () => {
  const rules = { poolId: "p", executor: "run", labels: { zone: ["onprem"] }, dataRules: { zone: ["onprem"] } };
  expect(mismatch(rules, agent())).toMatchObject({ kind: "data_rule", label: "zone", found: undefined });
  expect(mismatch(rules, agent({ pinned: { zone: "onprem" } }))).toBeUndefined();
});

test("classified data go only where the owner of the host allows each of their classes", () => {
  const asks = { poolId: "p", executor: "run", labels: {}, data: ["finance", "patient"] };
  const found = (allowData: Candidate["allowData"]) => mismatch(asks, agent({ allowData }));
  expect(found(undefined)).toEqual({ kind: "data_class", dataClass: "finance" });
  expect(found([])).toEqual({ kind: "data_class", dataClass: "finance" });
  expect(found(["finance"])).toEqual({ kind: "data_class", dataClass: "patient" });
  expect(found(["patient", "finance"])).toBeUndefined();
  expect(found(["*"])).toBeUndefined();
});
