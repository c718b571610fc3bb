import type { JsonObject } from "@capstan/proto";
import { expect, test } from "vitest";
import { openDraft } from "../engine/advance.ts";
import { storesOf } from "../engine/kept-files.ts";
import { EngineFixture, script } from "../testing/engine-fixture.ts";
import { laneOf } from "./lane.ts";

const rows = { rows: { type: "file" as const, data: ["patient"] } };
const onprem = { labels: { zone: "onprem" } };
const reading = (...names: string[]) =>
  script({
    needs: names,
    runsOn: onprem,
    env: Object.fromEntries(names.map((name) => [name, { $expr: `tasks.${name}.outputs.rows` }])),
  });
const file = (store?: string): JsonObject => ({
  rows: { $file: { name: "rows", size: 1, sha256: "a".repeat(64), mediaType: "text/csv", ...(store && { store }) } },
});
const data = { patient: { allowedOn: { zone: ["onprem"] } } };

function storesFor(engine: EngineFixture, key: string): readonly string[] {
  const around = { nowMs: 0, newId: () => "", incarnation: 1, publicUrl: "" };
  return storesOf(openDraft(engine.run, around), engine.position(key));
}

test("a task that is given a kept file asks for agents with the store that has it, and for no other", () => {
  const engine = new EngineFixture({ data, tasks: { a: script({ outputs: rows }), b: reading("a"), c: script() } });
  engine.finish("a", { outputs: file("st_1") });
  expect(engine.states).toMatchObject({ b: "dispatched" });
  const [store] = storesFor(engine, "b");
  expect(store).toBe("st_1");
  const [, planTask] = engine.run.plan.tasks;
  if (planTask === undefined) throw new Error("no task");
  const pools = new Map([["default", "pool"]]);
  const lane = laneOf(engine.run, planTask, pools, {}, undefined, store);
  expect(lane.labels).toEqual({ zone: ["onprem"], store: ["st_1"] });
  expect(lane.data).toEqual(["patient"]);
  // Its own lane: work of the same task whose file is elsewhere must not wait in it.
  expect(lane.laneId).not.toBe(laneOf(engine.run, planTask, pools, {}, undefined, "st_2").laneId);
  expect(laneOf(engine.run, planTask, pools).labels).toEqual({ zone: ["onprem"] });
  expect(storesFor(engine, "c")).toEqual([]);
});

test("a file of the class that the control plane has binds its reader to no store", () => {
  const engine = new EngineFixture({ data, tasks: { a: script({ outputs: rows }), b: reading("a") } });
  engine.finish("a", { outputs: file() });
  expect(storesFor(engine, "b")).toEqual([]);
});

test("a task whose files are kept in two places fails with both of them, before any attempt", () => {
  const tasks = { a: script({ outputs: rows }), b: script({ outputs: rows }), c: reading("a", "b") };
  const engine = new EngineFixture({ data, tasks });
  engine.finish("a", { outputs: file("st_1") });
  engine.finish("b", { outputs: file("st_2") });
  expect(engine.task("c")).toMatchObject({
    state: "failed",
    attempts: 0,
    failure: {
      class: "policy",
      code: "files_apart",
      message: "its files are kept in different places, and none of them may leave its own: rows in st_1, rows in st_2",
    },
  });
});

test("an index of a mapped task goes where its own item is", () => {
  const engine = new EngineFixture({
    data,
    tasks: {
      a: { ...script({ outputs: rows }), forEach: [1, 2] },
      b: {
        ...script({ needs: ["a"], runsOn: onprem, env: { R: { $expr: "prev.outputs.rows" } } }),
        forEach: { chain: "a" },
      },
    },
  });
  engine.finish("a.0", { outputs: file("st_1") });
  engine.finish("a.1", { outputs: file("st_2") });
  expect(storesFor(engine, "b.0")).toEqual(["st_1"]);
  expect(storesFor(engine, "b.1")).toEqual(["st_2"]);
});
