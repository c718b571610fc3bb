import { idFromUuid } from "@capstan/proto";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";
import { releaseOf } from "./declassify.ts";
import type { FinishResult } from "./event.ts";

const declassify = { from: "patient", reason: "means of ten", approvers: ["user:eva", "role:operator"] };
const held: NonNullable<FinishResult["held"]> = {
  store: "st_1",
  outputs: [{ name: "kpi", bytes: 3, sha256: "a".repeat(64) }],
};

function asked(): EngineFixture {
  const engine = new EngineFixture({
    data: { patient: { allowedOn: { zone: ["onprem"] } } },
    tasks: {
      join: script({
        data: ["patient"],
        outputs: { kpi: { type: "number", data: ["public"], declassify }, note: { type: "string" } },
      }),
      publish: script({ needs: ["join"], env: { K: { $expr: "tasks.join.outputs.kpi" } } }),
    },
  });
  engine.begin("join");
  engine.finish("join", { outputs: { note: "n" }, held });
  return engine;
}
const decide = (engine: EngineFixture, decision: "approved" | "rejected", principals: readonly string[]) =>
  engine.send({
    kind: "decide",
    position: engine.position("join"),
    decision,
    actor: "eva",
    comment: "",
    form: {},
    principals,
  });

test("a value that somebody has to agree to stays away, and the task run waits with the question", () => {
  const engine = asked();
  expect(engine.task("join")).toMatchObject({
    state: "suspended",
    live: undefined,
    outputs: undefined,
    reason: {
      code: "waiting_approval",
      evidence: { from: declassify.approvers, outputs: [{ name: "kpi", bytes: 3 }] },
    },
  });
  expect(engine.states["publish"]).toBe("waiting");
  expect(decide(engine, "approved", ["user:bob"]).kind).toBe("forbidden");
  expect(engine.states["join"]).toBe("suspended");
});

test("after a yes another attempt brings it from the store, and nothing else is run", () => {
  const engine = asked();
  const made = engine.history.find(({ type }) => type === "task.running")?.attempt;
  expect(decide(engine, "approved", ["user:eva"]).kind).toBe("accepted");
  expect(engine.task("join")).toMatchObject({ state: "dispatched", suspension: { store: "st_1", approved: ["eva"] } });
  expect(releaseOf(engine.task("join"))).toBe(made);
  // Lost on the way: it is asked for again, and nobody has to agree twice.
  engine.begin("join");
  engine.lose("join");
  expect(engine.states["join"]).toBe("dispatched");
  engine.finish("join", { outputs: { kpi: 3.5 } });
  expect(engine.task("join")).toMatchObject({
    state: "succeeded",
    outputs: { kpi: 3.5, note: "n" },
    suspension: undefined,
  });
  expect(engine.states["publish"]).toBe("dispatched");
  expect([...engine.timers.keys()].filter((key) => key.startsWith(`${engine.position("join")}:`))).toEqual([]);
});

test("56 · after a no the task has failed, and its value has not left", () => {
  const engine = asked();
  decide(engine, "rejected", ["role:operator"]);
  expect(engine.task("join")).toMatchObject({
    state: "failed",
    outputs: undefined,
    failure: { class: "policy", code: "declassify_rejected", message: "eva did not let it leave its class" },
  });
  expect(engine.states["publish"]).toBe("skipped");
});

test("an agent that tells such a value unasked has not succeeded", () => {
  const engine = new EngineFixture({
    data: { patient: { allowedOn: { zone: ["onprem"] } } },
    tasks: { join: script({ data: ["patient"], outputs: { kpi: { type: "number", data: ["public"], declassify } } }) },
  });
  engine.finish("join", { outputs: { kpi: 3.5 } });
  expect(engine.task("join")).toMatchObject({ state: "failed", failure: { class: "output" } });
  expect(idFromUuid("att", "00000000-0000-7000-8000-000000000000")).toMatch(/^att_/);
});

test("a cancel ends the question", () => {
  const engine = asked();
  engine.cancel();
  expect(engine.states["join"]).toBe("cancelled");
  expect(decide(engine, "approved", ["user:eva"]).kind).toBe("refused");
});
