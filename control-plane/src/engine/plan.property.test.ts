import { hookNames, type CanonicalTask, type CanonicalWorkflow } from "@capstan/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { script } from "../testing/engine-fixture.ts";
import { compilePlan } from "./plan.ts";

/** Graphs of up to twelve tasks with names in any order; a task needs only those that were written before it. */
const documents = fc
  .record({
    names: fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9_]{0,3}$/), { minLength: 1, maxLength: 12 }),
    needs: fc.array(fc.array(fc.nat(11), { maxLength: 4 }), { minLength: 12, maxLength: 12 }),
    hooks: fc.subarray([...hookNames]),
    ofTask: fc.boolean(),
  })
  .map(({ names, needs, hooks, ofTask }): CanonicalWorkflow => {
    const hook = { action: { run: { script: "true" } } } as const;
    const tasks: Record<string, CanonicalTask> = {};
    for (const [at, name] of names.entries()) {
      const wanted = new Set((needs[at] ?? []).filter((need) => need < at).map((need) => names[need] ?? ""));
      const own = ofTask && at === 0 ? { hooks: { onFailure: [hook, hook] } } : {};
      tasks[name] = script({ needs: [...wanted].sort(), ...own });
    }
    return { version: 1, name: "w", tasks, hooks: Object.fromEntries(hooks.map((name) => [name, [hook]])) };
  });

test("a plan has every task once, at the place of its name, with its edges from both ends, and hooks behind the graph", () => {
  fc.assert(
    fc.property(documents, (document) => {
      const plan = compilePlan("sha256:0", document);
      const names = Object.keys(document.tasks).sort();
      expect(plan.graphSize).toBe(names.length);
      expect(plan.tasks.slice(0, plan.graphSize).map(({ key }) => key)).toEqual(names);
      for (const [at, task] of plan.tasks.entries()) {
        expect([task.position, plan.positionOf.get(task.key)]).toEqual([at, at]);
        expect(task.hook === undefined).toBe(at < plan.graphSize);
        for (const need of task.needs) expect(plan.tasks[need]?.successors).toContain(at);
        for (const next of task.successors) expect(plan.tasks[next]?.needs).toContain(at);
        expect(task.needs.map((need) => plan.tasks[need]?.key)).toEqual(document.tasks[task.key]?.needs ?? []);
        for (const hook of task.hooks) expect(plan.tasks[hook]?.hookOf).toBe(at);
      }
      const ofRun = Object.values(document.hooks ?? {}).flat().length;
      const ofTasks = Object.values(document.tasks).flatMap(({ hooks }) => Object.values(hooks ?? {}).flat()).length;
      expect(plan.tasks.length - plan.graphSize).toBe(ofRun + ofTasks);
    }),
    { numRuns: 1000 },
  );
});

test("the order in which an author writes tasks changes nothing about the plan", () => {
  fc.assert(
    fc.property(documents, fc.infiniteStream(fc.nat()), (document, chance) => {
      const shuffled = Object.entries(document.tasks)
        .map((entry) => [chance.next().value, entry] as const)
        .sort(([a], [b]) => a - b)
        .map(([, entry]) => entry);
      const other = compilePlan("sha256:0", { ...document, tasks: Object.fromEntries(shuffled) });
      expect(other.tasks).toEqual(compilePlan("sha256:0", document).tasks);
    }),
    { numRuns: 300 },
  );
});
