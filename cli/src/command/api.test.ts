import { expect, test } from "vitest";
import { apiPath, readFields, withQuery } from "./api.ts";

test("a field is JSON where it is JSON, else text, and a repeated one is a list", () => {
  expect({
    ...readFields(["state=failed", "state=timed_out", "limit=5", 'inputs={"a":[1]}', 'q="7"', "x=a=b"]),
  }).toEqual({ state: ["failed", "timed_out"], limit: 5, inputs: { a: [1] }, q: "7", x: "a=b" });
  expect(() => readFields(["state"])).toThrow(expect.objectContaining({ code: "usage" }));
  expect(() => readFields(["body=@/nonexistent"])).toThrow(expect.objectContaining({ code: "file_unreadable" }));
});

test("a path without a slash is within the project", () => {
  expect(apiPath("runs/hello-1", "lake")).toBe("/api/v1/projects/lake/runs/hello-1");
  expect(apiPath("/api/v1/projects/{project}/runs", "lake")).toBe("/api/v1/projects/lake/runs");
  expect(apiPath("/api/v1/me", "lake")).toBe("/api/v1/me");
});

test("fields become a query, beside the one that the path has", () => {
  expect(withQuery("/runs?limit=1", { state: ["failed", "timed_out"], q: "a b" })).toBe(
    "/runs?limit=1&state=failed&state=timed_out&q=a+b",
  );
  expect(withQuery("/runs", {})).toBe("/runs");
});
