// The drills of the benchmark, shortened: what counts is that nothing is done twice or left out; times say nothing here.
import { expect, test } from "vitest";
import { keyDrill } from "../bench/drill/keys.ts";
import { tickDrill } from "../bench/drill/ticks.ts";

const silent = (): void => undefined;

test("each tick of many schedules becomes one run, on three replicas of which one after the other is killed", async () => {
  const figures = await tickDrill({ perSecond: 10, atOnce: 200, secs: 75, killEverySecs: 15, replicas: 3 }, silent);
  expect(figures).toMatchObject({ duplicates: 0, missing: 0 });
  expect(figures.kills).toBeGreaterThan(1);
  expect(figures.runs + figures.told).toBe(figures.ticks);
  expect(figures.ticks).toBeGreaterThan(600);
});

test("racing clients with the same keys get one run for each, while replicas are killed", async () => {
  const drill = { keys: 150, racers: 10, atOnce: 4, killEverySecs: 1, replicas: 3 };
  const figures = await keyDrill(drill, silent);
  expect(figures).toMatchObject({ keys: 150, runs: 150, duplicates: 0, disagreed: 0 });
  expect(figures.kills).toBeGreaterThan(0);
});
