import type { ApprovalAction } from "@capstan/proto";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";

const asks = (approval: Partial<ApprovalAction> = {}): EngineFixture =>
  new EngineFixture({
    tasks: {
      ask: { action: { approval: { title: "Publish?", from: ["role:operator"], ...approval } }, needs: [] },
      next: script({ needs: ["ask"] }),
    },
  });

const answer = (run: EngineFixture, actor: string, more: object = {}) =>
  run.send({
    kind: "decide",
    position: run.position("ask"),
    decision: "approved",
    actor,
    principals: [actor, "role:operator"],
    comment: "",
    form: {},
    ...more,
  });

test("an approval is suspended with a row that lists find, and an answer by one who is named lets the run go on", () => {
  const run = asks();
  expect(run.task("ask")).toMatchObject({ state: "suspended", reason: { code: "waiting_approval" }, attempts: 0 });
  expect(answer(run, "user:ana", { comment: "fine" })).toEqual({ kind: "accepted" });
  expect(run.task("ask").outputs).toMatchObject({ decision: "approved", by: "user:ana", comment: "fine", form: {} });
  expect(run.states["next"]).toBe("dispatched");
  expect(run.timers.size).toBe(0);
  expect(answer(run, "user:jo")).toMatchObject({ kind: "refused", code: "state_conflict" });
});

test("who is not named, and the starter where the workflow says so, may not answer", () => {
  expect(answer(asks({ from: ["user:jo"] }), "user:ana")).toMatchObject({ kind: "forbidden" });
  const run = asks({ allowStarter: false });
  run.run = { ...run.run, trigger: { actor: "user:ana" } };
  expect(answer(run, "user:ana")).toMatchObject({ kind: "forbidden" });
  expect(run.task("ask").state).toBe("suspended");
  expect(answer(run, "user:jo")).toEqual({ kind: "accepted" });
});

test("need: 2 takes two people, one of them twice is one, and one rejection decides", () => {
  const run = asks({ need: 2 });
  expect(answer(run, "user:ana")).toEqual({ kind: "accepted" });
  expect(answer(run, "user:ana")).toEqual({ kind: "duplicate" });
  expect(run.task("ask").state).toBe("suspended");
  answer(run, "user:jo");
  expect(run.task("ask").outputs).toMatchObject({ by: "user:ana, user:jo" });
  const other = asks({ need: 2 });
  answer(other, "user:ana");
  answer(other, "user:jo", { decision: "rejected", comment: "not today" });
  expect(other.run).toMatchObject({
    state: "failed",
    failure: { class: "approval", code: "approval_rejected", message: "rejected by user:jo: not today" },
  });
});

test("103 · an answer that does not fit the form changes nothing, and the task run is still suspended", () => {
  const run = asks({ form: { share: { type: "integer", maximum: 100 }, note: { type: "string", default: "none" } } });
  for (const form of [{ share: "10" }, { share: 101 }, {}, { share: 1, other: 2 }]) {
    expect(answer(run, "user:ana", { form })).toMatchObject({ kind: "invalid", code: "inputs_invalid" });
    expect(run.task("ask").state).toBe("suspended");
  }
  expect(answer(run, "user:ana", { form: { share: 10 } })).toEqual({ kind: "accepted" });
  expect(run.task("ask").outputs).toMatchObject({ form: { share: 10, note: "none" } });
});

test("without an answer in time it is rejected, or approved where it says so; a rejection may be gone on after", () => {
  const rejected = asks({ timeoutMs: 1000 });
  rejected.deliver("ask", "suspended");
  expect(rejected.run).toMatchObject({ state: "failed", failure: { code: "approval_rejected" } });
  const approved = asks({ timeoutMs: 1000, onTimeout: "approve" });
  approved.deliver("ask", "suspended");
  expect(approved.task("ask").outputs).toMatchObject({ decision: "approved", by: "capstan" });
  const going = asks({ onReject: "continue" });
  answer(going, "user:ana", { decision: "rejected" });
  expect(going.task("ask").outputs).toMatchObject({ decision: "rejected", form: {} });
  expect(going.states["next"]).toBe("dispatched");
});

test("a cancel closes an approval", () => {
  const run = asks();
  run.cancel();
  expect(run.run.state).toBe("cancelled");
  expect(answer(run, "user:ana")).toMatchObject({ kind: "refused" });
  expect(run.timers.size).toBe(0);
});
