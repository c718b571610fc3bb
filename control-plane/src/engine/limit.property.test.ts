import { deepStrictEqual } from "node:assert";
import fc from "fast-check";
import { expect, test } from "vitest";
import { grant, limitRefKey, roomFor, type LimitDemand, type LimitState, type LimitStates } from "./limit.ts";

const projectId = "p";
const names = ["a", "b", "c"];
const demandOf = fc
  .uniqueArray(fc.record({ key: fc.constantFrom(...names), weight: fc.integer({ min: 1, max: 4 }) }), {
    selector: (demand) => demand.key,
    minLength: 1,
  })
  .map((demands): LimitDemand[] => demands.toSorted((x, y) => (x.key < y.key ? -1 : 1)));
const step = fc.oneof(
  fc.record({ kind: fc.constant("claim" as const), demands: demandOf }),
  // An attempt ends, is lost, rejected or given back: for a limit that is one thing.
  fc.record({ kind: fc.constant("end" as const), which: fc.nat(50) }),
  fc.record({ kind: fc.constant("resize" as const), key: fc.constantFrom(...names), capacity: fc.nat(8) }),
);

const statesOf = (capacity: ReadonlyMap<string, number>, holders: readonly (readonly LimitDemand[])[]): LimitStates =>
  new Map(
    names.map((key): [string, LimitState] => {
      const used = holders.flat().reduce((sum, one) => sum + (one.key === key ? one.weight : 0), 0);
      return [limitRefKey({ projectId, key }), { capacity: capacity.get(key), perMs: undefined, used }];
    }),
  );

test("whatever is claimed, ended and resized, no claim takes a limit above what it has, and each takes all or nothing", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const capacity = new Map([
        ["a", 3],
        ["b", 5],
      ]);
      const holders: (readonly LimitDemand[])[] = [];
      for (const one of steps) {
        if (one.kind === "resize") capacity.set(one.key, one.capacity);
        else if (one.kind === "end") {
          if (holders.length > 0) holders.splice(one.which % holders.length, 1);
        } else {
          const states = statesOf(capacity, holders);
          const room = roomFor(one.demands, projectId, states);
          const granted = grant(one.demands, projectId, states, 0);
          if ((granted.kind === "granted") !== room > 0) throw new Error(`room for ${room}, and ${granted.kind}`);
          if (granted.kind === "full") continue;
          holders.push(one.demands);
          // What the claim saw of itself is what the rows say afterwards.
          deepStrictEqual(granted.states, statesOf(capacity, holders));
          for (const demand of one.demands) {
            const state = granted.states.get(limitRefKey({ projectId, key: demand.key }));
            if ((state?.used ?? 0) > (state?.capacity ?? -1)) throw new Error(`${demand.key} is exceeded`);
          }
        }
      }
    }),
  );
});

test("claims granted one after another from one reading never exceed it together", () => {
  fc.assert(
    fc.property(fc.array(demandOf, { maxLength: 30 }), fc.nat(10), fc.nat(10), (claims, a, b) => {
      let states = statesOf(
        new Map([
          ["a", a],
          ["b", b],
          ["c", 1],
        ]),
        [],
      );
      for (const demands of claims) {
        const granted = grant(demands, projectId, states, 0);
        if (granted.kind === "granted") ({ states } = granted);
      }
      for (const state of states.values()) expect(state.used).toBeLessThanOrEqual(state.capacity ?? 0);
    }),
  );
});

test("a limit that does not exist gives nothing; one whose size the workflow says needs no row", () => {
  expect(grant([{ key: "x", weight: 1 }], projectId, new Map(), 0)).toEqual({ kind: "full", key: "x" });
  expect(grant([{ key: "x", weight: 1, capacity: 1 }], projectId, new Map(), 0)).toMatchObject({ kind: "granted" });
});

test("a share of a rate counts for its window", () => {
  const states = new Map([[limitRefKey({ projectId, key: "r" }), { capacity: 2, perMs: 1000, used: 1 }]]);
  expect(grant([{ key: "r", weight: 1 }], projectId, states, 500)).toMatchObject({
    holds: [{ key: "r", weight: 1, untilMs: 1500 }],
  });
});
