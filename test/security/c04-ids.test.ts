// C4, ids confused by prefix, case or another way of writing them: an id is compared as a whole and has one form.
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { idFromUuid, idPrefixes, parseJoinToken, parseRunName, runName, uuidFromId } from "@capstan/proto";
import { makeToken, parseToken } from "../../control-plane/src/auth/opaque-token.ts";
import { rolesOf } from "../../control-plane/src/auth/sign-in.service.ts";
import { made, makeGround, raw, tokenOf } from "./ground.ts";

const ground = await makeGround();
const { server } = ground;

/** Names of which each is the beginning of others, or looks like them. */
const projects = ["a", "ab", "a-b", "aa"];
const workflows = ["job", "jobs", "job_1", "jo", "job_11"];
let headers: Readonly<Record<string, string>> = {};
beforeAll(async () => {
  for (const project of projects) {
    await made(ground, "POST", "/projects", { name: project });
    for (const workflow of workflows) {
      const source = `version: 1\nname: ${workflow}\ntasks: { only: { run: "true" } }\n`;
      await made(ground, "POST", `/projects/${project}/deploys`, { documents: [{ file: "w.yaml", source }] });
    }
    await made(ground, "PUT", `/projects/${project}/variables/key`, { value: project });
  }
  await made(ground, "POST", "/projects/a/workflows/job/runs", {});
  await made(ground, "POST", "/projects/a/workflows/job_1/runs", {});
  headers = { authorization: `Bearer ${await tokenOf(ground, "a", "project_admin", "owner")}` };
}, 60_000);

const uuid = fc.uuid({ version: 7 });
const prefixes = Object.values(idPrefixes);
const prefix = fc.constantFrom(...prefixes);

/** Other ways of writing a text, of which none is that text. */
const variants = (text: string): readonly string[] => {
  const all = [
    ...[text.toUpperCase(), text.replace(/[a-z]/, (letter) => letter.toUpperCase())],
    ...[
      `${text} `,
      ` ${text}`,
      `${text}.`,
      `${text}/`,
      `./${text}`,
      `${text}/.`,
      `${text};`,
      `${text}\0`,
      `${text}\n`,
      `\uFEFF${text}`,
    ],
    ...[
      `${text}\u0301`,
      `${text}\u200b`,
      text.replace(/a/, "а"),
      text.normalize("NFKD").replace(/a/, "ａ"),
      text.replace(/1/, "１"),
    ],
    ...[
      `${text}%`,
      `${text}*`,
      `${text}_`,
      "%",
      "_",
      "*",
      text.replace(/.$/, "_"),
      text.replace(/.$/, "%"),
      text.slice(0, -1),
      `${text}${text}`,
    ],
    ...[
      `'${text}'`,
      `"${text}"`,
      `{${text}}`,
      `${text},${text}`,
      `${text}'--`,
      encodeURIComponent(encodeURIComponent(`${text} `)),
    ],
  ];
  return [...new Set(all)].filter((one) => one !== text && one !== "");
};

test("an id has one form: whatever is read as one is written the same again", () => {
  fc.assert(
    fc.property(prefix, uuid, fc.string({ unit: "binary" }), fc.nat(40), (kind, value, noise, at) => {
      const id = idFromUuid(kind, value);
      expect(uuidFromId(kind, id)).toBe(value);
      const bent = id.slice(0, at) + noise + id.slice(at + noise.length);
      for (const text of [bent, ...variants(id)]) {
        const read = uuidFromId(kind, text);
        if (read !== undefined && idFromUuid(kind, read) !== text) throw new Error(`${text} is read as ${read}`);
      }
    }),
    { numRuns: 100 },
  );
});

test("an id of one kind is none of another", () => {
  fc.assert(
    fc.property(prefix, prefix, uuid, (kind, other, value) => {
      expect(uuidFromId(other, idFromUuid(kind, value))).toBe(kind === other ? value : undefined);
    }),
  );
});

test("the name of a run has one form, and its workflow is no other's", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/),
      fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      (workflow, number) => {
        const name = runName(workflow, number);
        expect(parseRunName(name)).toEqual({ workflow, number });
        for (const text of [
          ...variants(name),
          `${workflow}-0${number}`,
          `${workflow}-+${number}`,
          `${workflow}-${number}e0`,
        ]) {
          const read = parseRunName(text);
          if (read !== undefined && runName(read.workflow, read.number) !== text)
            throw new Error(`${text} is read as a name`);
        }
      },
    ),
    { numRuns: 100 },
  );
});

test("a token has one form", () => {
  for (const kind of ["session", "pat", "local"] as const) {
    const { text } = makeToken(kind);
    expect(parseToken(text)?.text).toBe(text);
    for (const other of [...variants(text), text.replace(kind, "cli"), text.replace("capstan", "Capstan")])
      expect(parseToken(other), other).toBeUndefined();
  }
  expect(parseJoinToken(makeToken("pat").text)).toBeUndefined();
});

test("a group gives a role by its whole name", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: "binary" }), (group) => {
      const rules = [{ group, project: "a", role: "operator" as const }];
      expect(rolesOf(rules, [group]).get("a")).toBe("operator");
      expect(rolesOf(rules, variants(group)).size).toBe(0);
    }),
  );
});

test("a member of one project is a member of no other whose name is like it", async () => {
  const status = async (project: string): Promise<number> =>
    (await raw(server.url, "GET", `/api/v1/projects/${encodeURIComponent(project)}/runs`, headers)).status;
  expect(await status("a")).toBe(200);
  for (const near of [...variants("a"), ...projects.filter((one) => one !== "a"), "a/../ab", "ab/../a", "default"])
    expect([400, 404], JSON.stringify(near)).toContain(await status(near));
});

test("names are found as a whole, in the project that the path names", async () => {
  const get = (path: string) => raw(server.url, "GET", `/api/v1/projects/a/${path}`, headers);
  const things: readonly (readonly [string, string])[] = [
    ["workflows", "job"],
    ["runs", "job-1"],
    ["runs", "job_1-1"],
    ["variables", "key"],
    ["members", "a-owner"],
  ];
  for (const [kind, name] of things) {
    expect((await get(`${kind}/${name}`)).status, name).toBe(200);
    const known = new Set([...workflows, ...things.map(([, one]) => one)]);
    for (const near of variants(name).filter((one) => !known.has(one))) {
      const { status, text } = await get(`${kind}/${encodeURIComponent(near)}`);
      expect([400, 404, 405], `${kind} ${JSON.stringify(near)}: ${text}`).toContain(status);
    }
  }
  const other = { authorization: `Bearer ${await tokenOf(ground, "ab", "project_admin", "owner")}` };
  expect((await raw(server.url, "GET", "/api/v1/projects/ab/runs/job-1", other)).status).toBe(404);
  expect((await raw(server.url, "GET", "/api/v1/projects/ab/variables/key", other)).text).toContain('"value":"ab"');
});

test("two names that look alike cannot both be made", async () => {
  for (const name of ["A", "a.", "á", "a\u0301", "а", "a b", "a/b", "", "-a", "a_b", "__proto__", "constructor"]) {
    const { status } = await server.call("POST", "/projects", { name });
    expect(status, name).toBe(/^[a-z][a-z0-9-]*$/.test(name) ? 201 : 400);
  }
});
