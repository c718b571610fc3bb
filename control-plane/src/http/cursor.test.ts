import { expect, test } from "vitest";
import { makeCursor, readCursor } from "./cursor.ts";

test("a cursor gives its position back to the filter that it was made for", () => {
  expect(readCursor({ state: "failed" }, makeCursor({ state: "failed" }, ["id-1", 4]), 2)).toEqual(["id-1", 4]);
});

test.each([
  ["another filter", makeCursor({ state: "queued" }, ["id"]), 1],
  ["another length", makeCursor({ state: "failed" }, ["id"]), 2],
  ["no cursor", "%%%", 1],
  ["other JSON", Buffer.from('{"a":1}').toString("base64url"), 1],
])("%s is refused", (_, cursor, length) => {
  expect(() => readCursor({ state: "failed" }, cursor, length)).toThrow(
    expect.objectContaining({ code: "cursor_invalid" }),
  );
});

test("a position cannot smuggle an object into a query", () => {
  const cursor = makeCursor("f", ["x"]);
  const [binding] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as string[];
  const forged = Buffer.from(JSON.stringify([binding, { a: 1 }])).toString("base64url");
  expect(() => readCursor("f", forged, 1)).toThrow(expect.objectContaining({ code: "cursor_invalid" }));
});
