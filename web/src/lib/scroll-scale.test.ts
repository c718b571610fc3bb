import { expect, test } from "vitest";
import { rowWindow, scrollHeightMax } from "./scroll-scale.ts";

for (const rows of [26, 30, 5_000, 1_000_000, 20_000_000])
  test(`V1: ${rows} rows show the first at the top and the last at the bottom`, () => {
    const top = rowWindow(rows, 20, 500, 0, 0);
    expect([top.first, top.top]).toEqual([0, 0]);
    const bottom = rowWindow(rows, 20, 500, Number.MAX_SAFE_INTEGER, 0);
    expect(bottom.end).toBe(rows);
    expect(bottom.scrollHeight).toBeLessThanOrEqual(scrollHeightMax);
    // The bottom edge of the last row is the bottom edge of the area.
    expect(bottom.top + (bottom.end - bottom.first) * 20).toBeCloseTo(bottom.scrollHeight, 3);
  });
