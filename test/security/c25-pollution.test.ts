// C25, polluted prototypes. The processes start with --disable-proto=throw and with prototypes that take no property
// (control-plane/src/harden.ts); here no body and no document gets as far.
import { expect, test } from "vitest";
import { decodeFrame, readWorkflow } from "@capstan/proto";
import { bodyOf } from "./bodies.ts";
import { enrol, filled, live, makeGround, raw, routeTable } from "./ground.ts";

const ground = await makeGround();
const { server } = ground;
const json = { authorization: `Bearer ${server.token}`, "content-type": "application/json" };
const unpolluted = (): void => {
  expect("polluted" in {}).toBe(false);
  expect(Object.keys(Object.prototype)).toEqual([]);
};

/** Ways of saying it in JSON. */
const said = [
  '"__proto__":{"polluted":1}',
  '"__proto__":null',
  '"\\u005f_proto__":{"polluted":1}',
  '"constructor":{"prototype":{"polluted":1}}',
  '"constructor":1',
  '"prototype":1',
  '"inputs":{"a":{"constructor":1}}',
  '"a":{"__proto__":{"polluted":1}}',
  '"a":[{"b":{"__proto__":{"polluted":1}}}]',
  '"inputs":{"__proto__":{"polluted":1}}',
  '"labels":{"__proto__":"x"}',
  '"filter":{"__proto__":{"polluted":1}}',
];

test("a body with the name of a prototype is refused by every route", async () => {
  for (const [name, route] of routeTable.filter(([, { body }]) => body !== undefined)) {
    const path = filled(route.path, { project: "default" });
    const good = JSON.stringify(bodyOf(route, "x"));
    for (const [at, one] of said.entries()) {
      for (const body of [at % 3 === 0 ? `{${one}}` : good.replace(/\}$/, `,${one}}`)]) {
        const { status, text } = await raw(server.url, route.method, path, json, body);
        expect([400], `${name} ${one}: ${status} ${text}`).toContain(status);
      }
    }
  }
  unpolluted();
});

test("a name that objects have by nature is a name like any other, or unknown", async () => {
  for (const key of ["toString", "isPrototypeOf", "hasOwnProperty", "valueOf", "__defineGetter__"]) {
    for (const [name, route] of routeTable.filter(([, { body }]) => body !== undefined)) {
      const { status } = await raw(
        server.url,
        route.method,
        filled(route.path, { project: "default" }),
        json,
        JSON.stringify({ [key]: 1 }),
      );
      expect(status, `${name} ${key}`).toBeLessThan(500);
    }
    for (const path of [
      `/projects/${key}/runs`,
      `/projects/default/workflows/${key}`,
      `/projects/default/variables/${key}`,
      `/projects/default/limits/${key}`,
    ])
      expect((await server.call("GET", path)).status, `${path}`).toBe(404);
  }
  unpolluted();
});

test("whatever a body may hold reaches the agent whole, and no agent is lost by it", async () => {
  const agent = await enrol(ground, "default", "agent");
  const client = await live(agent, server.url);
  const source =
    "version: 1\nname: deep\ninputs: { v: object }\ntasks: { a: { run: echo, env: { V: '${{ toJSON(inputs.v) }}' } } }\n";
  await server.deploy(source);
  const nested = (levels: number): object => (levels === 0 ? {} : { a: nested(levels - 1) });
  let offered = 0;
  for (const levels of [1, 30, 58, 60, 61, 62, 63, 70]) {
    const { status } = await server.call("POST", "/projects/default/workflows/deep/runs", {
      inputs: { v: nested(levels) },
    });
    expect([202, 400], String(levels)).toContain(status);
    // A frame that does not decode makes the client of these tests throw, and an agent leave.
    if (status === 202) offered += 1;
  }
  expect(offered).toBeGreaterThan(4);
  await client.until("the offers", () => (client.frames.some(({ t }) => t === "offer") ? true : undefined));
  expect(client.closed).toBeUndefined();
  client.socket.terminate();
});

test("a document with such a key is refused at its place", () => {
  for (const key of ["__proto__", "constructor", "prototype", "'__proto__'", '"\\u005f_proto__"']) {
    for (const source of [
      `version: 1\nname: x\n${key}: { polluted: 1 }\ntasks: { a: { run: echo } }\n`,
      `version: 1\nname: x\ntasks: { ${key}: { run: echo } }\n`,
      `version: 1\nname: x\ntasks: { a: { run: echo, env: { ${key}: x } } }\n`,
      `version: 1\nname: x\ninputs: { ${key}: string }\ntasks: { a: { run: echo } }\n`,
    ]) {
      const { document, problems } = readWorkflow({ text: source });
      expect(document).toBeUndefined();
      expect(problems, source).toContainEqual(
        expect.objectContaining({ code: "reserved_key", line: expect.any(Number) }),
      );
    }
  }
  unpolluted();
});

test("a frame with the name of a prototype ends its connection", () => {
  for (const one of said.slice(0, 4)) {
    for (const text of [`{"t":"ready","id":1,"b":{${one}}}`, `{"t":"ready","id":1,${one},"b":{"abandoned":[]}}`])
      expect(decodeFrame(text, "agent").kind, text).toBe("broken");
  }
  expect(decodeFrame('{"t":"__proto__","id":1,"b":{}}', "agent").kind).toBe("unsupported");
  expect(decodeFrame('{"t":"constructor","id":1,"b":{}}', "agent").kind).toBe("unsupported");
  unpolluted();
});
