// C14, a body read as another kind than it was checked as: each route takes one kind of body.
import { expect, test } from "vitest";
import { agentPaths } from "@capstan/proto";
import { bodyKeys } from "./bodies.ts";
import { filled, makeGround, raw, routeTable } from "./ground.ts";

const { server } = await makeGround();
const local = { authorization: `Bearer ${server.token}` };
const types = [
  "text/plain",
  "text/html",
  "text/json",
  "text/yaml",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/xml",
  "application/yaml",
  "application/octet-stream",
  "application/problem+json",
  "application/json+capstan",
  "application/jsonx",
  "application/cbor",
  "image/svg+xml",
  "json",
  ", application/json",
];
const body = '{"files":[{"filepath":"/etc/passwd","newFilename":"x","mimetype":"text/plain"}]}';
const changing = routeTable.filter(([, { method }]) => method !== "GET");

test("a body of any other type than the route's own is refused before it is read", async () => {
  const wrong: string[] = [];
  for (const [name, route] of changing.filter(([, { rawBody }]) => rawBody !== "*/*")) {
    const own = route.rawBody ?? "application/json";
    for (const type of [...types, "application/json", ""].filter((one) => one !== own)) {
      const headers = type === "" ? local : { ...local, "content-type": type };
      const { status, text } = await raw(
        server.url,
        route.method,
        filled(route.path, { project: "default" }),
        headers,
        body,
      );
      if (status !== 415) wrong.push(`${name} ${type}: ${status} ${text.slice(0, 200)}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("what is JSON is taken as JSON, and fields that a parser of uploads would set are none", async () => {
  for (const [name, route] of changing.filter(([, one]) => one.body !== undefined)) {
    const path = filled(route.path, { project: "default" });
    for (const type of ["application/json", "application/json; charset=utf-8", "Application/JSON"]) {
      const { status, text } = await raw(server.url, route.method, path, { ...local, "content-type": type }, body);
      expect([400, 401, 404], `${name}: ${status} ${text}`).toContain(status);
      expect(text).not.toContain("root:");
    }
  }
  expect(
    routeTable.flatMap(([, route]) => bodyKeys(route)).filter((key) => /filepath|filename|tmp|path$/i.test(key)),
  ).toEqual([]);
});

test("bytes are taken as bytes: a list in JSON is none of them", async () => {
  const sha256 = "0".repeat(64);
  for (const target of [`/api/v1/projects/default/bundles/${sha256}`, `/agent/v1/files/${sha256}`]) {
    for (const sent of ["[]", '["a","b"]', "{}", '"text"', "null", "1"]) {
      const { status } = await raw(server.url, "PUT", target, { ...local, "content-type": "application/json" }, sent);
      expect(status, `${target} ${sent}`).toBe(415);
    }
  }
});

test("the agents' enrolment takes JSON alone", async () => {
  for (const type of types) {
    const { status } = await raw(server.url, "POST", agentPaths.enrol, { "content-type": type }, body);
    expect(status, type).toBe(415);
  }
});

test("a webhook is bytes whatever it says it is, and is not read before it is proved", async () => {
  for (const type of [...types, "application/json"]) {
    const { status } = await raw(server.url, "POST", "/hooks/default/nothing/hook", { "content-type": type }, body);
    expect(status, type).toBe(404);
  }
});
