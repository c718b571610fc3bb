// The catalogue and the sources say the same: nobody reads of an error that cannot happen, or meets one that is nowhere.
import { expect, test } from "vitest";
import { errorCatalogue } from "@capstan/proto";
import { sourcesBelow } from "./support/sources.ts";

const codes = Object.keys(errorCatalogue);
/** Where codes are declared or listed, which is not where they happen. */
const declared = /^proto\/src\/(error\/|console\/route|state\/failure\.ts)/;
const sources = [
  ...["proto", "agent", "control-plane", "cli", "web"].flatMap((name) => sourcesBelow(`${name}/src`)),
  ...sourcesBelow("agent/python", { ending: /\.py$/ }),
].filter((file) => !declared.test(file.path) && !/\.test\.tsx?$|\/testing\//.test(file.path));

/** `"code"`, or `"code: text"` as the schemas of the language write their problems. */
const happens = (code: string): boolean => {
  const pattern = new RegExp(`["'\`]${code}(?:["'\`]|: )`);
  return sources.some((file) => pattern.test(file.text));
};

test("every code of the catalogue is thrown or reported somewhere", () => {
  expect(sources.length).toBeGreaterThan(300);
  expect(happens("no_such_code")).toBe(false);
  // Classes of failure give their name to a code where nothing more is known of an attempt.
  const byClass = new Set(["oom", "lost", "queue_timeout", "timeout", "cancelled"]);
  expect(codes.filter((code) => !byClass.has(code) && !happens(code))).toEqual([]);
});

test("every problem of a workflow has a code of the catalogue", () => {
  const checkers = sources.filter((file) =>
    /^(proto\/src\/workflow|cli\/src\/project|control-plane\/src\/workflow)\//.test(file.path),
  );
  const reported = checkers
    // What inputs are refused for is told under `inputs_invalid`, in words of its own.
    .filter((file) => !/workflow\/(inputs|values)\.ts$/.test(file.path))
    .flatMap((file) => [...file.text.matchAll(/\b(?:code: |report\()"([a-z_]+)"/g)].map((match) => match[1] ?? ""));
  expect(reported.length).toBeGreaterThan(40);
  expect([...new Set(reported)].filter((code) => !codes.includes(code))).toEqual([]);
});

test("no code is in two parts of the catalogue", () => {
  const entries = sourcesBelow("proto/src/error")
    .filter((file) => /-codes\.ts$/.test(file.path))
    .flatMap((file) => [...file.text.matchAll(/^ {2}([a-z_]+): \{$/gm)].map((match) => match[1] ?? ""));
  expect(entries.toSorted()).toEqual([...codes].toSorted());
});
