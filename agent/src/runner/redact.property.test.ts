import fc from "fast-check";
import { expect, test } from "vitest";
import { needlesOf } from "./needles.ts";
import { Automaton, Redactor } from "./redact.ts";

const alphabet = fc.constantFrom("a", "b", "c");
const word = fc.array(alphabet, { minLength: 2, maxLength: 6 }).map((letters) => letters.join(""));
const text = fc.array(alphabet, { maxLength: 60 }).map((letters) => letters.join(""));

/** What masking must give: every byte of every match hidden, overlapping matches as one mask. */
function maskedPlainly(input: string, needles: readonly string[]): string {
  const hidden = Array.from({ length: input.length }, () => false);
  const joins = Array.from({ length: input.length }, () => false);
  for (const needle of needles) {
    for (let at = input.indexOf(needle); at !== -1; at = input.indexOf(needle, at + 1)) {
      for (let i = at; i < at + needle.length; i++) hidden[i] = true;
      for (let i = at + 1; i < at + needle.length; i++) joins[i] = true;
    }
  }
  let out = "";
  for (let i = 0; i < input.length; i++) {
    if (hidden[i] !== true) out += input[i] ?? "";
    else if (i === 0 || hidden[i - 1] !== true) out += "***";
  }
  return out;
}

test("however the stream is cut, masking equals masking the whole", () => {
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 4 }),
      text,
      fc.array(fc.nat(7), { maxLength: 30 }),
      (needles, input, cuts) => {
        const redactor = new Redactor();
        let out = redactor.use(new Automaton(needles.map((needle) => Buffer.from(needle)))).toString();
        let at = 0;
        for (const cut of cuts) {
          out += redactor.push(Buffer.from(input.slice(at, at + cut))).toString();
          at += cut;
        }
        out += redactor.push(Buffer.from(input.slice(at))).toString() + redactor.end().toString();
        // Two matches that only touch may become one mask or two; hidden is what counts.
        const joined = (value: string): string => value.replaceAll(/(\*\*\*)+/g, "***");
        expect(joined(out)).toBe(joined(maskedPlainly(input, needles)));
      },
    ),
    { numRuns: 3000 },
  );
});

test("a secret shows in none of its usual forms", () => {
  const secret = 'p&ss "w0rd"/+=ü';
  const needles = needlesOf(secret);
  const redactor = new Redactor();
  redactor.use(new Automaton(needles));
  const bytes = Buffer.from(secret);
  const forms = [
    secret,
    JSON.stringify(secret),
    encodeURIComponent(secret),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    bytes.toString("base64"),
    Buffer.from(`x${secret}`).toString("base64"),
    Buffer.from(`xy${secret}z`).toString("base64url"),
  ];
  const out = Buffer.concat([redactor.push(Buffer.from(forms.join("\n"))), redactor.end()]).toString();
  expect(out.split("\n").every((line) => line.includes("***"))).toBe(true);
  for (const form of [secret, bytes.toString("hex"), encodeURIComponent(secret)]) expect(out).not.toContain(form);
});
