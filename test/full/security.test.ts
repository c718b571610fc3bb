// The large amounts of the classes of attack whose small ones are in test/security: each for twenty seconds of CPU.
// CAPSTAN_SECURITY_SEED chooses other forms.
import { expect, test } from "vitest";
import { AppError, evaluateTree, readWorkflow } from "@capstan/proto";
import { escapes } from "../security/escapes.ts";
import { chance } from "../security/tokens.ts";
import { taken, verifiers } from "../security/verifiers.ts";
import { yamlDocuments } from "../security/yaml-documents.ts";

const seed = Number(process.env["CAPSTAN_SECURITY_SEED"] ?? 2);

/** True until so many seconds of CPU are used. */
function within(seconds: number): () => boolean {
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return user + system < seconds * 1e6;
  };
}

test("random YAML gives plain data or problems with a place (C13)", () => {
  const goesOn = within(20);
  let read = 0;
  for (const text of yamlDocuments(seed, 500_000)) {
    const { document, problems } = readWorkflow({ text });
    if (document === undefined && problems.length === 0) throw new Error(`seed ${seed}: ${JSON.stringify(text)}`);
    read += 1;
    if (!goesOn()) break;
  }
  console.log(`${read} documents`);
  expect(read).toBeGreaterThan(5_000);
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test("random expressions give plain data or a refusal (C10)", () => {
  const goesOn = within(20);
  const random = chance(seed);
  const pieces = escapes.filter((one) => one.length < 60);
  const context = { inputs: { s: "aaaaaaaaaaaaaaaab", n: 3, list: [1, 2, 3], m: { p: 1 } } };
  let tried = 0;
  for (; tried < 2_000_000 && goesOn(); tried++) {
    const one = pieces[random(pieces.length)] ?? "";
    const two = pieces[random(pieces.length)] ?? "";
    const cut = random(one.length + 1);
    const joints = ["", " + ", " == ", "[", ".", " ? 1 : ", ", ", "("];
    const text = one.slice(0, cut) + (joints[random(joints.length)] ?? "") + two + one.slice(cut);
    try {
      const value: unknown = evaluateTree({ $expr: text }, context);
      if (typeof value === "function" || JSON.stringify(value) === undefined) throw new Error(`seed ${seed}: ${text}`);
    } catch (error) {
      if (!(error instanceof AppError)) throw new Error(`seed ${seed}: ${text}`, { cause: error });
    }
  }
  console.log(`${tried} expressions`);
  expect(tried).toBeGreaterThan(5_000);
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test("bent tokens are never taken (C21)", async () => {
  let all = 0;
  for (const verifier of verifiers) {
    const found = await taken(verifier, { seed, count: 25_000, goesOn: within(5) });
    all += found.tried;
    expect(found.taken, `${verifier.name}, seed ${seed}`).toEqual([]);
  }
  console.log(`${all} tokens`);
  expect(all).toBeGreaterThan(5_000);
});
