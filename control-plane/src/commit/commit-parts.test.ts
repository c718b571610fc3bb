import { AppError } from "@capstan/proto";
import { expect, test } from "vitest";
import { toldOf } from "./commit-parts.ts";

test("who waits for a statement that a deadlock ended may try again; a bug stays what it is", () => {
  for (const code of ["40P01", "40001"]) {
    const told = toldOf(Object.assign(new Error("deadlock detected"), { code }), false);
    expect(told, code).toBeInstanceOf(AppError);
    expect(told).toMatchObject({ code: "unavailable" });
  }
  const bug = Object.assign(new Error("duplicate key"), { code: "23505" });
  expect(toldOf(bug, false)).toBe(bug);
  expect(toldOf(new Error("Connection terminated"), true)).toMatchObject({ code: "unavailable" });
});
