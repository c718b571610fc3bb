import fc from "fast-check";
import { test } from "vitest";
import { Turns } from "./fairness.ts";

const keys = ["a", "b", "c", "d", "e"];
const step = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("queue" as const),
      key: fc.constantFrom(...keys),
      count: fc.integer({ min: 1, max: 40 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("dispatch" as const), count: fc.integer({ min: 1, max: 30 }) }),
  },
);

test("a key with waiting work sees at most two dispatches of each other key before its next one", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const turns = new Turns();
      const waiting: { key: string; pass: number }[] = [];
      /** Dispatches of others since the key's last one, or since it began to wait. */
      const overtaken = new Map<string, Map<string, number>>();
      for (const one of steps) {
        if (one.kind === "queue") {
          if (!overtaken.has(one.key)) overtaken.set(one.key, new Map());
          for (let i = 0; i < one.count; i++) waiting.push({ key: one.key, pass: turns.next("lane", one.key) });
          continue;
        }
        for (let i = 0; i < one.count && waiting.length > 0; i++) {
          waiting.sort((x, y) => x.pass - y.pass);
          const [first] = waiting.splice(0, 1);
          if (first === undefined) break;
          turns.reached("lane", first.pass);
          for (const [key, others] of overtaken) {
            if (key === first.key) others.clear();
            else {
              const count = (others.get(first.key) ?? 0) + 1;
              others.set(first.key, count);
              if (count > 2) throw new Error(`${first.key} came ${count} times before ${key}`);
            }
          }
          if (!waiting.some((left) => left.key === first.key)) overtaken.delete(first.key);
        }
      }
    }),
  );
});

test("within a key the order of queueing stays", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 50 }), (steps) => {
      const turns = new Turns();
      let last = -1;
      for (const dispatched of steps) {
        if (dispatched) turns.reached("lane", last);
        const pass = turns.next("lane", "k");
        if (pass < last) throw new Error(`${pass} after ${last}`);
        last = pass;
      }
    }),
  );
});
