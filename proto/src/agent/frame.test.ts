import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { agentFrameSchemas, controlFrameSchemas, decodeFrame, encodeFrame, type AgentFrame } from "./frame.ts";

const folder = new URL("../fixtures/v1/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
const fixture = (name: string): string => readFileSync(new URL(name, folder), "utf8");

test("every message of version 1 has a golden fixture", () => {
  const wanted = [
    ...Object.keys(agentFrameSchemas).map((t) => `agent.${t}.json`),
    ...Object.keys(controlFrameSchemas).map((t) => `control.${t}.json`),
  ];
  expect(names.toSorted()).toEqual(wanted.toSorted());
});

test.each(names)("%s decodes, and to itself", (name) => {
  const direction = name.startsWith("agent.") ? "agent" : "control";
  const decoded = decodeFrame(fixture(name), direction);
  expect(decoded).toEqual({ kind: "frame", frame: JSON.parse(fixture(name)), refused: [] });
});

test("unknown fields are dropped and unknown types are told apart from broken ones", () => {
  const ack = { t: "drain.ack", id: 2, re: 1, b: { running: 0, colour: "red" } };
  expect(decodeFrame(JSON.stringify(ack), "agent")).toMatchObject({ frame: { b: { running: 0 } } });
  expect(decodeFrame(JSON.stringify(ack), "agent")).not.toHaveProperty("frame.b.colour");
  expect(decodeFrame(JSON.stringify({ t: "later", id: 3, b: {} }), "agent")).toEqual({
    kind: "unsupported",
    id: 3,
    t: "later",
  });
  expect(decodeFrame(JSON.stringify({ t: "toString", id: 3, b: {} }), "agent").kind).toBe("unsupported");
  expect(decodeFrame(fixture("control.welcome.json"), "agent").kind).toBe("unsupported");
  expect(decodeFrame(JSON.stringify({ t: "ask", id: 3, b: { free: -1, offers: 0 } }), "agent")).toMatchObject({
    kind: "malformed",
    id: 3,
    path: "/free",
  });
});

test("a bad item of a report is left out and the others count", () => {
  const frame = JSON.parse(fixture("agent.report.json")) as AgentFrame & { t: "report" }; // our own fixture
  const text = encodeFrame({
    ...frame,
    // a foreign peer's mistake, which our types would not let us write
    b: { ...frame.b, items: [...frame.b.items, { kind: "started", attempt: "att_x", epoch: 1, atMs: 1 } as never] },
  });
  expect(decodeFrame(text, "agent")).toEqual({
    kind: "frame",
    frame,
    refused: [{ index: 5, path: "/items/5/attempt" }],
  });
});

test.each([
  ["not JSON", "{"],
  ["not an object", "[]"],
  ["id 0", '{"t":"ask","id":0,"b":{}}'],
  ["a fractional id", '{"t":"ask","id":1.5,"b":{}}'],
  ["the key __proto__", '{"t":"ask","id":1,"b":{"__proto__":{}}}'],
  ["an escaped __proto__", '{"t":"ask","id":1,"b":{"\\u005f_proto__":{}}}'],
  ["the key constructor, deep", '{"t":"ask","id":1,"b":{"a":[{"constructor":1}]}}'],
  ["65 levels", `{"t":"ask","id":1,"b":${"[".repeat(65)}${"]".repeat(65)}}`],
  ["10,001 keys", `{"t":"ask","id":1,"b":{${Array.from({ length: 10_001 }, (_, i) => `"k${i}":0`).join(",")}}}`],
  ["more than 1 MiB", `{"t":"ask","id":1,"b":{"a":"${"x".repeat(1024 * 1024)}"}}`],
])("%s breaks the connection", (_, text) => {
  expect(decodeFrame(text, "agent").kind).toBe("broken");
});
