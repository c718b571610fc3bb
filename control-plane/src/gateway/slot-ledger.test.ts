import { expect, test } from "vitest";
import { SlotLedger } from "./slot-ledger.ts";

test("no more slots are promised than the agent stated as free", () => {
  const ledger = new SlotLedger<string>();
  expect(ledger.take(1)).toBeUndefined();
  ledger.state(2, 0);
  expect(ledger.take(1)).toBe(1);
  expect(ledger.take(1)).toBe(2);
  expect(ledger.take(1)).toBeUndefined();
});

test("a statement that does not cover an offer leaves its slot promised", () => {
  const ledger = new SlotLedger<string>();
  const out: string[] = [];
  ledger.state(2, 0);
  ledger.offer(ledger.take(1) ?? 0, "a", out);
  ledger.offer(ledger.take(1) ?? 0, "b", out);
  ledger.state(2, 1);
  expect(ledger.available).toBe(1);
  ledger.state(1, 2);
  expect(ledger.available).toBe(1);
});

test("offers leave in the order of their numbers, whatever the order of the commits", () => {
  const ledger = new SlotLedger<string>();
  const out: string[] = [];
  ledger.state(4, 0);
  const [a, b, c, d] = [1, 1, 1, 1].map((weight) => ledger.take(weight) ?? 0);
  ledger.offer(c ?? 0, "c", out);
  ledger.offer(b ?? 0, "b", out);
  expect(out).toEqual([]);
  ledger.giveBack(a ?? 0, out);
  expect(out).toEqual(["b", "c"]);
  expect(ledger.hasOpenPromise).toBe(true);
  ledger.offer(d ?? 0, "d", out);
  expect(out).toEqual(["b", "c", "d"]);
  expect(ledger.hasOpenPromise).toBe(false);
});

test("a promise given back frees its slot and its number is not used again", () => {
  const ledger = new SlotLedger<string>();
  ledger.state(1, 0);
  expect(ledger.take(1)).toBe(1);
  ledger.giveBack(1, []);
  expect(ledger.available).toBe(1);
  expect(ledger.take(1)).toBe(2);
});

test("a statement about offers that were never sent decides none of them", () => {
  const ledger = new SlotLedger<string>();
  ledger.state(1, 0);
  ledger.take(1);
  ledger.state(1, 99);
  expect(ledger.available).toBe(0);
  expect(ledger.decided).toBe(0);
});

test("an attempt that needs three slots takes three", () => {
  const ledger = new SlotLedger<string>();
  ledger.state(4, 0);
  expect(ledger.take(3)).toBe(1);
  expect(ledger.take(3)).toBeUndefined();
  expect(ledger.take(1)).toBe(2);
});

test("an offer that was given back counts as decided once the agent has decided all that left before it", () => {
  const ledger = new SlotLedger<string>();
  ledger.state(4, 0);
  const [a, b, c] = [1, 1, 1].map((weight) => ledger.take(weight) ?? 0);
  ledger.offer(a ?? 0, "a", []);
  ledger.giveBack(b ?? 0, []);
  expect(ledger.decided).toBe(0);
  ledger.state(3, 1);
  expect(ledger.decided).toBe(2);
  ledger.offer(c ?? 0, "c", []);
  expect(ledger.decided).toBe(1);
});

test("what attempts take of the host is promised once, and comes back with the agent's word", () => {
  const ledger = new SlotLedger<string>();
  const host = { cpu: 4, memoryBytes: 1000, gpu: 1, diskBytes: 0 };
  ledger.state(10, 0, host);
  expect(ledger.take(1, { cpu: 3, gpu: 1 })).toBe(1);
  expect(ledger.room).toEqual({ ...host, cpu: 1, gpu: 0 });
  expect(ledger.take(1, { cpu: 2 })).toBeUndefined();
  expect(ledger.take(1, { diskBytes: 1 })).toBeUndefined();
  // Sent and not decided, the promise counts beside what the agent says; decided, the agent's word has it in.
  ledger.offer(1, "a", []);
  ledger.state(10, 0, host);
  expect(ledger.room.cpu).toBe(1);
  ledger.state(9, 1, { ...host, cpu: 1, gpu: 0 });
  expect(ledger.room.cpu).toBe(1);
  ledger.state(10, 1, host);
  expect(ledger.take(1, { cpu: 4 })).toBe(2);
  ledger.giveBack(2, []);
  expect(ledger.room).toEqual(host);
});
