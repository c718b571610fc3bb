import { idFromUuid, uuidV7 } from "@capstan/proto";
import { expect, test } from "vitest";
import { parseReference } from "./reference.ts";
import { didYouMean, nearest } from "./suggestion.ts";

test("a reference is taken apart into run, task with index, and attempt", () => {
  expect(parseReference("weekly_retrain-42")).toEqual({ run: { kind: "name", name: "weekly_retrain-42" } });
  expect(parseReference("weekly_retrain-42/train.1@2")).toEqual({
    run: { kind: "name", name: "weekly_retrain-42" },
    task: "train.1",
    attempt: 2,
  });
  expect(parseReference("@last")).toEqual({ run: { kind: "last", which: "last" } });
  expect(parseReference("@last-failed/load")).toEqual({ run: { kind: "last", which: "last-failed" }, task: "load" });
});

test("ids, prefixes of ids and console addresses name the same run as its name", () => {
  const id = idFromUuid("run", uuidV7(1_700_000_000_000, new Uint8Array(10)));
  expect(parseReference(id).run).toEqual({ kind: "id", id });
  expect(parseReference(id.slice(0, 12)).run).toEqual({ kind: "prefix", prefix: id.slice(0, 12) });
  expect(parseReference("http://127.0.0.1:7420/runs/hello-1/greet")).toEqual({
    run: { kind: "name", name: "hello-1" },
    task: "greet",
  });
  expect(parseReference("https://c.example.org/p/finance/runs/hello-1").project).toBe("finance");
});

test.each([
  "",
  "hello",
  "hello-0",
  "hello-1/",
  "hello-1/../x",
  "hello-1@0",
  "hello-1@x",
  "a b",
  "http://127.0.0.1/agents/x",
])("%j is refused as unclear", (text) => {
  expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: "reference_unclear" }));
});

test("a wrong word gets the nearest words, and a far one gets none", () => {
  expect(nearest("rnu", ["run", "runs", "logs"])[0]).toBe("run");
  expect(didYouMean("statsu", ["status", "deploy"])).toBe(" Did you mean status?");
  expect(didYouMean("xyzzy", ["run", "logs"])).toBe("");
});
