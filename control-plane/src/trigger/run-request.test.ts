import { expect, test } from "vitest";
import { waitOf } from "./run-request.controller.ts";

test("wait is a duration up to 55 s, from the query before the header", () => {
  expect(waitOf("30s", "wait=5")).toBe(30_000);
  expect(waitOf(undefined, "respond-async, wait=5")).toBe(5_000);
  expect(waitOf(undefined, "wait=500")).toBe(55_000);
  expect(waitOf(undefined, undefined)).toBe(0);
});

test.each(["30", "soon", "2m"])("wait=%s is refused", (text) => {
  expect(() => waitOf(text, undefined)).toThrow(expect.objectContaining({ code: "malformed" }));
});
