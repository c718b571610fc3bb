// What must and what must not compile. The compiler is the judge: a mistake that it lets through, or one that it refuses
// for another reason, fails here.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const types = join(import.meta.dirname, "types");
const bare = join(import.meta.dirname, `.bare-${process.pid}`);
afterAll(() => rmSync(bare, { recursive: true, force: true }));

const compile = (folder: string): string => {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const done = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], { encoding: "utf8" });
  return done.stdout + done.stderr;
};

/** By the number of the mistake: how the compiler says it. */
const reasons: Readonly<Record<number, RegExp>> = {
  1: /'acuracy' does not exist.*Did you mean 'accuracy'/,
  2: /'Value<number>' is not assignable to type 'Given<File>'/,
  3: /'depth' is missing/,
  4: /'Secret' is not assignable to parameter of type 'Textable'/,
  5: /'verbose' does not exist/,
  6: /'outputs' does not exist on type 'MappedTask</,
  7: /'results' does not exist on type 'Task</,
  8: /'rate' does not exist/,
  9: /'timeOut' does not exist.*Did you mean to write 'timeout'/,
  10: /'"2 hours"' is not assignable to type 'Duration/,
  11: /'number' is not assignable to type 'Given<string>'/,
  12: /'Value<number>' is not assignable to type 'Condition/,
  13: /'Secret' is not assignable to type 'Given<string>'/,
  14: /'Ref<File>' is not assignable to parameter of type 'Textable'/,
  15: /'Value<string>' is not assignable to parameter of type .*readonly unknown\[\]/,
  16: /'string' is not assignable to type 'number'/,
  17: /'{ accuracy: number; }' is not assignable/,
  18: /'string' is not assignable to type 'ReturnedFile'/,
};

test("what is right compiles, and every mistake is one", { timeout: 60_000 }, () => {
  expect(compile(types)).toBe("");
});

test("each of the eighteen mistakes is refused for its own reason", { timeout: 60_000 }, () => {
  const text = readFileSync(join(types, "refused.ts"), "utf8");
  // Marks stay where they are, so that the line after one tells which mistake it is.
  const marked = text.replaceAll("// @ts-expect-error", "//").replace('"./weekly', '"../types/weekly');
  mkdirSync(bare);
  writeFileSync(join(bare, "bare.ts"), marked);
  const config = readFileSync(join(types, "tsconfig.json"), "utf8");
  writeFileSync(join(bare, "tsconfig.json"), config.replace('"include": ["."]', '"include": ["bare.ts"]'));
  const lines = marked.split("\n");
  const found = new Map<number, string>();
  for (const [, line = "", message = ""] of compile(bare).matchAll(/bare\.ts\((\d+),\d+\): error TS\d+: (.*)/g)) {
    const number = Number(/^\s*\/\/ (\d+) /.exec(lines[Number(line) - 2] ?? "")?.[1] ?? 0);
    found.set(number, message);
  }
  expect([...found.keys()].toSorted((a, b) => a - b)).toEqual(Object.keys(reasons).map(Number));
  for (const [number, reason] of Object.entries(reasons)) expect(found.get(Number(number)), number).toMatch(reason);
});
