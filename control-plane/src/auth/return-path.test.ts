import fc from "fast-check";
import { expect, test } from "vitest";
import { returnPath } from "./return-path.ts";

const ours = "https://capstan.example.org";

test("a path of ours is kept, with its query and fragment", () => {
  for (const path of ["/", "/runs/hello-1", "/p/x/runs?state=failed&q=a%2Fb#logs"]) expect(returnPath(path)).toBe(path);
});

test.each([
  undefined,
  "",
  "https://evil.example/",
  "//evil.example",
  "/\\evil.example",
  "/\t/evil.example",
  "/.//evil.example",
  "/..//evil.example",
  "/x/..//evil.example",
  "/%2e//evil.example",
  "javascript:alert(1)",
  "/\n/evil.example",
  "\u0000/x",
])("%j leads to the start page", (text) => {
  expect(returnPath(text)).toBe("/");
});

test("whatever is given, a browser stays on our origin", () => {
  const pieces = fc.constantFrom(
    "/",
    "\\",
    ".",
    "..",
    "%2f",
    "%5c",
    "%2e",
    "@",
    ":",
    "evil.example",
    "\t",
    "\n",
    "?",
    "#",
    "a",
    "https:",
    " ",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces, { maxLength: 8 }).map((list) => list.join("")),
      ),
      (text) => {
        const path = returnPath(text);
        expect(path.startsWith("/")).toBe(true);
        expect(new URL(path, ours).origin).toBe(ours);
        // Once more, as a page that passes it on would.
        expect(returnPath(path)).toBe(path);
      },
    ),
    { numRuns: 5_000 },
  );
});
