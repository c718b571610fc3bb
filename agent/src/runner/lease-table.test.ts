import type { ClockReading } from "@capstan/proto";
import { expect, test } from "vitest";
import { LeaseTable, type LeasedAttempt } from "./lease-table.ts";

const at = (ms: number, slept = 0, set = 0): ClockReading => ({ monoMs: ms, bootMs: ms + slept, wallMs: ms + set });
const attempt: LeasedAttempt = {
  attempt: "att_1",
  epoch: 1,
  leaseMs: 30_000,
  graceMs: 10_000,
  onLeaseEnd: "stop",
  tree: { cgroup: "", attempt: "att_1" },
};
const tableAt = (ms: number): LeaseTable => {
  const table = new LeaseTable();
  table.add(attempt, at(ms));
  return table;
};
const doings = (table: LeaseTable, now: ClockReading): string[] => table.tick(now).map((action) => action.do);

test("TERM at L − grace − 5 s, KILL at L − 5 s", () => {
  const table = tableAt(0);
  expect(doings(table, at(14_999))).toEqual([]);
  expect(doings(table, at(15_000))).toEqual(["term"]);
  expect(doings(table, at(24_999))).toEqual([]);
  expect(doings(table, at(25_000))).toEqual(["kill"]);
  expect(doings(table, at(25_250))).toEqual(["kill"]);
});

test("a renewal counts from its reading, and an older one changes nothing", () => {
  const table = tableAt(0);
  table.renew(at(10_000));
  table.renew(at(5000));
  expect(doings(table, at(24_999))).toEqual([]);
  expect(doings(table, at(25_000))).toEqual(["term"]);
});

test("what comes to the runner after a renewal has that renewal, however old its offer is by then", () => {
  const table = new LeaseTable();
  table.renew(at(60_000));
  table.add(attempt, at(0));
  expect(doings(table, at(74_999))).toEqual([]);
  expect(doings(table, at(75_000))).toEqual(["term"]);
  const newer = new LeaseTable();
  newer.renew(at(0));
  newer.add(attempt, at(60_000));
  expect(doings(newer, at(74_999))).toEqual([]);
});

test("a stop that has begun is not taken back by a renewal", () => {
  const table = tableAt(0);
  expect(doings(table, at(15_000))).toEqual(["term"]);
  table.renew(at(15_001));
  expect(doings(table, at(25_000))).toEqual(["kill"]);
});

test("time that the host slept, or that only the wall clock shows, counts", () => {
  expect(doings(tableAt(0), at(1000, 14_000))).toEqual(["term"]);
  expect(doings(tableAt(0), at(1000, 0, 24_000))).toEqual(["kill"]);
});

test("onLeaseEnd continue is never stopped", () => {
  const table = new LeaseTable();
  table.add({ ...attempt, onLeaseEnd: "continue" }, at(0));
  expect(doings(table, at(1_000_000))).toEqual([]);
});
