import fc from "fast-check";
import { expect, test } from "vitest";
import { admitNew, mayGoOn, type RunGroup } from "./concurrency.ts";

const strategies = ["queue", "skip", "cancelRunning", "replaceQueued"] as const;
const step = fc.oneof(fc.constant("ask" as const), fc.constant("end" as const), fc.constant("admit" as const));

interface Member {
  readonly id: number;
  state: "active" | "waiting" | "gone";
}

test("whatever is asked, ended and admitted, the group keeps its limit, and each strategy its word", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...strategies),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { maxLength: 60 }),
      (onLimit, limit, queuedMax, steps) => {
        const group: RunGroup = { key: "g", limit, onLimit, queuedMax };
        const members: Member[] = [];
        const count = (state: Member["state"]): number => members.filter((one) => one.state === state).length;
        const stateNow = () => ({ active: count("active"), waiting: count("waiting") });
        const wrong = (what: string): never => {
          throw new Error(`${onLimit}: ${what}`);
        };
        let ids = 0;
        for (const one of steps) {
          if (one === "end") {
            const first = members.find((member) => member.state === "active");
            if (first !== undefined) first.state = "gone";
          } else if (one === "admit") {
            const first = members.find((member) => member.state === "waiting");
            if (first !== undefined && mayGoOn(group, stateNow())) first.state = "active";
          } else {
            const before = stateNow();
            const answer = admitNew(group, before);
            if (answer.kind === "refused") {
              if (answer.code === "limit_reached" && onLimit !== "skip") wrong("skipped");
              if (answer.code === "queue_full" && before.waiting < queuedMax) wrong("refused although one may wait");
              if (before.active < limit && before.waiting === 0) wrong("refused although there is room");
              continue;
            }
            if (answer.kind === "wait" && answer.supersede !== "none") {
              for (const member of members) if (member.state === "waiting") member.state = "gone";
              // Those that run are told to stop, and are active until they have.
            }
            members.push({ id: ids++, state: answer.kind === "start" ? "active" : "waiting" });
          }
          const after = stateNow();
          if (after.active > limit) wrong(`${after.active} are active`);
          if (onLimit === "skip" && after.waiting > 0) wrong("one waits");
          if (onLimit === "queue" && after.waiting > queuedMax) wrong(`${after.waiting} wait`);
          if ((onLimit === "replaceQueued" || onLimit === "cancelRunning") && after.waiting > 1) wrong("two wait");
        }
      },
    ),
  );
});

const group = (onLimit: RunGroup["onLimit"]): RunGroup => ({ key: "g", limit: 1, onLimit, queuedMax: 2 });

test.each([
  ["queue", { active: 0, waiting: 0 }, { kind: "start" }],
  ["queue", { active: 1, waiting: 0 }, { kind: "wait", supersede: "none" }],
  ["queue", { active: 0, waiting: 1 }, { kind: "wait", supersede: "none" }],
  ["queue", { active: 1, waiting: 2 }, { kind: "refused", code: "queue_full" }],
  ["skip", { active: 1, waiting: 0 }, { kind: "refused", code: "limit_reached" }],
  ["cancelRunning", { active: 1, waiting: 0 }, { kind: "wait", supersede: "all" }],
  ["replaceQueued", { active: 1, waiting: 1 }, { kind: "wait", supersede: "waiting" }],
] as const)("%s with %j", (onLimit, state, answer) => {
  expect(admitNew(group(onLimit), state)).toEqual(answer);
});
