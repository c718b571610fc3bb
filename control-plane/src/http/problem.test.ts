import { expect, test } from "vitest";
import { AppError, problemSchema } from "@capstan/proto";
import { problemOf } from "./problem.ts";

const never = (): boolean => false;

test("a catalogued failure leaves with its code, status and problems", () => {
  const error = new AppError("inputs_invalid", "threshold must be at most 1, got 95", {
    problems: [{ code: "too_big", detail: "at most 1", pointer: "/inputs/threshold" }],
  });
  const { document, unexpected } = problemOf(error, "/api/v1/x", "req_1", never);
  expect(problemSchema.parse(document)).toMatchObject({
    type: "urn:capstan:error:inputs_invalid",
    status: 422,
    retryable: false,
    requestId: "req_1",
    errors: [{ pointer: "/inputs/threshold" }],
  });
  expect(unexpected).toBe(false);
});

test("a bug tells its reference and nothing of itself", () => {
  const { document, unexpected } = problemOf(new Error("password=hush at /srv/x.ts"), "/x", "req_9", never);
  expect(document).toMatchObject({ code: "internal", status: 500 });
  expect(JSON.stringify(document)).not.toContain("hush");
  expect(document.detail).toContain("req_9");
  expect(unexpected).toBe(true);
});

test("a database that is away is 503, to be tried again", () => {
  const { document, retryAfterSeconds } = problemOf(new Error("gone"), "/x", "r", () => true);
  expect(document).toMatchObject({ code: "unavailable", status: 503, retryable: true });
  expect(retryAfterSeconds).toBe(1);
});

test.each([
  [413, "body_too_large"],
  [415, "media_type_refused"],
  [404, "not_found"],
  [400, "malformed"],
])("a refusal of the framework with status %i is %s", (statusCode, code) => {
  expect(problemOf({ statusCode }, "/x", "r", never).document).toMatchObject({ code, status: statusCode });
});
