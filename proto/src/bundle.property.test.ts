import { expect, test } from "vitest";
import * as fc from "fast-check";
import { decodeBundle, encodeBundle, isBundlePath } from "./bundle.ts";

const path = fc
  .array(fc.stringMatching(/^[a-z0-9_.-]{1,8}$/), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join("/"))
  .filter(isBundlePath);
const files = fc.uniqueArray(fc.record({ path, executable: fc.boolean(), content: fc.uint8Array({ maxLength: 64 }) }), {
  selector: (file) => file.path,
  maxLength: 8,
});

test("what is encoded is decoded, and the order of the files does not matter", () => {
  fc.assert(
    fc.property(files, (given) => {
      const bytes = encodeBundle(given);
      expect(encodeBundle(given.toReversed())).toEqual(bytes);
      const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1);
      expect(decodeBundle(bytes).map((file) => ({ ...file, content: new Uint8Array(file.content) }))).toEqual(
        given.toSorted(byPath),
      );
    }),
  );
});

test("cut or damaged bytes are refused or decode to allowed paths, and throw nothing but RangeError", () => {
  const bytes = encodeBundle([{ path: "a/b.py", executable: false, content: new Uint8Array([1, 2, 3]) }]);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
      const damaged = cut ? bytes.slice(0, at) : bytes.map((byte, i) => (i === at ? value : byte));
      let result: unknown;
      try {
        result = decodeBundle(damaged).every((file) => isBundlePath(file.path));
      } catch (error) {
        result = error instanceof RangeError;
      }
      expect(result).toBe(true);
    }),
  );
});

for (const bad of ["", "/a", "../a", "a/../b", "a//b", "a/", "./a", "a\\b", "a\nb", "a\0"]) {
  test(`the path ${JSON.stringify(bad)} cannot be in a bundle, in neither direction`, () => {
    expect(() => encodeBundle([{ path: bad, executable: false, content: new Uint8Array() }])).toThrow(RangeError);
    const bytes = new TextEncoder().encode(`capstan-bundle 1\n${JSON.stringify([[bad, false, 0]])}\n`);
    expect(() => decodeBundle(bytes)).toThrow(RangeError);
  });
}
