import fc from "fast-check";
import { expect, test } from "vitest";
import { isPlainOffer, isPlainReportItem } from "./item-check.ts";
import { offeredAttemptSchema } from "./offer.ts";
import { reportItemSchema } from "./report.ts";

const attempt = "att_06f8q2m0s1v7e0000000000001";
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    0,
    -1,
    1,
    1.5,
    NaN,
    Infinity,
    2 ** 53,
    true,
    "",
    "x",
    [],
    {},
    [1],
    "started",
    "finish",
  ),
  fc.jsonValue(),
  fc.string({ maxLength: 300 }),
);
/** A valid item with some of its fields replaced, added or taken away. */
const mutated = (valid: Readonly<Record<string, unknown>>) =>
  fc
    .array(fc.tuple(fc.constantFrom(...Object.keys(valid), "colour", "failure", "skip", "timeoutMs", "usage"), odd), {
      maxLength: 2,
    })
    .map((changes) => {
      const item: Record<string, unknown> = { ...valid };
      for (const [key, value] of changes) {
        if (value === undefined) delete item[key];
        else item[key] = value;
      }
      return item;
    });

const log = { bytes: 5, sha256: "0".repeat(64), gaps: 0 };
const reportItem = fc.oneof(
  mutated({ kind: "started", attempt, epoch: 1, atMs: 5 }),
  mutated({
    kind: "finish",
    attempt,
    epoch: 1,
    outcome: "succeeded",
    exitCode: 0,
    outputs: { a: 1 },
    startedMs: 1,
    endedMs: 2,
    log,
  }),
  mutated(log).map((it) => ({ kind: "finish", attempt, epoch: 1, outcome: "failed", log: it })),
);

test("what the quick check of report items accepts, the schema accepts unchanged", () => {
  let accepted = 0;
  fc.assert(
    fc.property(reportItem, (item) => {
      if (!isPlainReportItem(item)) return;
      accepted++;
      expect(reportItemSchema.parse(item)).toEqual(item);
    }),
    { numRuns: 5000 },
  );
  expect(accepted).toBeGreaterThan(500);
});

const offer = {
  seq: 1,
  attempt,
  epoch: 1,
  taskRun: "tr_1",
  run: "run_1",
  runName: "hello-1",
  project: "default",
  task: "greet",
  index: 0,
  number: 1,
  specDigest: `sha256:${"ab".repeat(32)}`,
  inputs: {},
  leaseMs: 300_000,
  onLeaseEnd: "stop",
  graceMs: 10_000,
  isolation: "L0",
  secrets: ["A"],
  traceparent: "00",
};

test("what the quick check of offers accepts, the schema accepts unchanged", () => {
  let accepted = 0;
  fc.assert(
    fc.property(mutated(offer), (item) => {
      if (!isPlainOffer(item)) return;
      accepted++;
      expect(offeredAttemptSchema.parse(item)).toEqual(item);
    }),
    { numRuns: 5000 },
  );
  expect(accepted).toBeGreaterThan(500);
});
