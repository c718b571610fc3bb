import { expect, test } from "vitest";
import { asciiGraph, dotGraph, levelsOf, mermaidGraph, type GraphTask } from "./graph.ts";

const task = (name: string, needs: readonly string[] = [], title: string | null = null): GraphTask => ({
  task: name,
  title,
  action: "run",
  needs,
});
const diamond = [
  task("end", ["left", "right"]),
  task("left", ["start"]),
  task("right", ["start"]),
  task("start", [], 'the "first" <b>'),
];

test("a level is what may run side by side", () => {
  expect(levelsOf(diamond).map((level) => level.map((one) => one.task))).toEqual([
    ["start"],
    ["left", "right"],
    ["end"],
  ]);
});

test("words of Mermaid and markup in a title do no harm", () => {
  const text = mermaidGraph(diamond);
  expect(text).toContain('t0["end"]');
  expect(text).toContain('t3["the #34;first#34; #60;b#62;"]');
  expect(text).toContain("t1 --> t0");
});

test("Graphviz gets quoted names", () => {
  expect(dotGraph("x", diamond)).toContain('"start" [label="the \\"first\\" <b>"];');
  expect(dotGraph("x", diamond)).toContain('"left" -> "end";');
});

test("on a terminal each task says what it needs", () => {
  expect(asciiGraph(diamond, true)).toBe(
    [
      "* start  run",
      "  * left   run  <- start",
      "  * right  run  <- start",
      "    * end    run  <- left, right",
      "",
    ].join("\n"),
  );
});
