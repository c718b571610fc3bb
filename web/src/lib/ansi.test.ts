import { expect, test } from "vitest";
import { ansiSpans, lastFrame } from "./ansi.ts";

test("colours become classes and the text stays text", () => {
  expect(ansiSpans("\u001b[31;1mred\u001b[0m <b>plain</b>")).toEqual([
    { text: "red", className: "ansi-1 ansi-bold" },
    { text: " <b>plain</b>", className: "" },
  ]);
});
test("256 and true colours fall to the sixteen of the theme", () => {
  expect(ansiSpans("\u001b[38;5;196mx\u001b[0m")[0]?.className).toBe("ansi-1");
  expect(ansiSpans("\u001b[38;2;0;0;255mx\u001b[0m")[0]?.className).toBe("ansi-4");
});
test("a progress bar keeps its last frame, and titles, links and cursor moves are dropped", () => {
  expect(lastFrame("10%\r50%\r100%\r")).toBe("100%");
  expect(ansiSpans("\u001b]8;;javascript:alert(1)\u0007here\u001b]8;;\u0007\u001b[2K\u001b[1A")).toEqual([
    { text: "here", className: "" },
  ]);
});
