import { createHash } from "node:crypto";
import { auditText, firstPrevious, type AuditRecordView } from "@capstan/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkChain } from "./audit-chain.ts";

function trail(length: number): AuditRecordView[] {
  let previousSha256 = firstPrevious;
  return Array.from({ length }, (_, i) => {
    const entry = {
      actor: "user:ana",
      action: "runs:cancel",
      subject: `run-${i}`,
      detail: { b: i, a: [1, { z: 1, y: 2 }] },
    };
    const at = new Date(1_700_000_000_000 + i).toISOString();
    const sha256 = createHash("sha256")
      .update(previousSha256)
      .update(auditText(i + 1, at, entry))
      .digest("hex");
    const record = { seq: i + 1, at, ...entry, previousSha256, sha256 };
    previousSha256 = sha256;
    return record;
  });
}

test("a trail as it was written is whole, and an empty one is too", () => {
  const records = trail(40);
  expect(checkChain(records)).toEqual({ isWhole: true, records: 40, head: records[39]?.sha256 });
  expect(checkChain([])).toEqual({ isWhole: true, records: 0, head: firstPrevious });
});

test("every edit, deletion, swap and cut is found, given a witness of the end", () => {
  const length = 30;
  const head = trail(length).at(-1);
  const witness = { seq: length, sha256: head?.sha256 ?? "" };
  const place = fc.nat(length - 1);
  const attack = fc.oneof(
    fc.record({ kind: fc.constant("delete"), at: place }),
    fc.record({ kind: fc.constant("cut"), at: place }),
    fc.record({ kind: fc.constant("swap"), at: fc.nat(length - 2) }),
    fc.record({ kind: fc.constantFrom("actor", "action", "subject", "sha256", "previousSha256", "at"), at: place }),
    fc.record({ kind: fc.constant("detail"), at: place }),
  );
  fc.assert(
    fc.property(attack, ({ kind, at }) => {
      const records = trail(length);
      const one = records[at];
      const next = records[at + 1];
      if (one === undefined) throw new Error("no record");
      if (kind === "delete") records.splice(at, 1);
      else if (kind === "cut") records.length = at;
      else if (kind === "swap" && next !== undefined) [records[at], records[at + 1]] = [next, one];
      else if (kind === "detail") records[at] = { ...one, detail: { ...one.detail, b: -1 } };
      else records[at] = { ...one, [kind]: "changed" };
      expect(checkChain(records, witness).isWhole).toBe(false);
    }),
    { numRuns: 500 },
  );
});

test("a trail that was made anew from the start is whole by itself and is found by the witness", () => {
  const records = trail(10);
  expect(checkChain(records, { seq: 4, sha256: "f".repeat(64) })).toMatchObject({ isWhole: false, seq: 4 });
});
