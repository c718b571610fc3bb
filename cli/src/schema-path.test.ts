import { workflowJsonSchema } from "@capstan/proto";
import { expect, test } from "vitest";
import { schemaPlace } from "./schema-path.ts";

const root = workflowJsonSchema();

test("a path leads to a key with its type, its meaning and the keys below it", () => {
  const retry = schemaPlace(root, "tasks.retry");
  expect(retry).toMatchObject({
    path: "tasks.retry",
    meaning: expect.stringContaining("How often"),
    isRequired: false,
  });
  expect("keys" in retry ? retry.keys.map((one) => one.key) : []).toEqual(
    expect.arrayContaining(["attempts", "delay", "maxDelay"]),
  );
});

test("names that a user chooses are no steps of a path, and a list stands for its items", () => {
  expect(schemaPlace(root, "triggers.webhook.verify")).toMatchObject({ path: "triggers.webhook.verify" });
  expect(schemaPlace(root, "defaults.timeout")).toMatchObject({ meaning: "How long one attempt may run." });
});

test("the empty path is the whole document", () => {
  const whole = schemaPlace(root, "");
  expect("keys" in whole ? whole.keys.find((one) => one.key === "tasks") : undefined).toMatchObject({
    isRequired: true,
    meaning: expect.stringContaining("The tasks by id"),
  });
});

test("a wrong step says where it went wrong and what is there", () => {
  expect(schemaPlace(root, "tasks.rety")).toMatchObject({
    before: "tasks",
    wrong: "rety",
    known: expect.arrayContaining(["retry"]),
  });
});
