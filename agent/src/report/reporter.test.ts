import { expect, test } from "vitest";
import { idFromUuid, type ReportAck, type ReportItem } from "@capstan/proto";
import { Reporter } from "./reporter.ts";

const attempt = idFromUuid("att", "01977420-dc00-75b9-b336-bd0ec69b8d28");
const event = (seq: number): ReportItem => ({
  kind: "event",
  attempt,
  epoch: 1,
  seq,
  atMs: 0,
  type: "progress",
  body: { n: seq },
});
const ack = (seq: number, result: ReportAck["items"][number]["result"], expectSeq?: number): ReportAck => ({
  items: [{ attempt, epoch: 1, kind: "event", seq, result, ...(expectSeq === undefined ? {} : { expectSeq }) }],
});
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function reporter(): { readonly it: Reporter; readonly sent: () => readonly number[] } {
  const sent: number[] = [];
  const it = new Reporter({
    send: ({ items }) => {
      for (const item of items) if (item.kind === "event") sent.push(item.seq);
      return true;
    },
    demand: () => ({ free: 1 }) as never, // what is told of demand is not looked at here
    onAck: () => {},
  });
  return { it, sent: () => sent.splice(0) };
}

test("events from the expected one on go again, in order", async () => {
  const { it, sent } = reporter();
  for (const seq of [1, 2, 3]) it.add(event(seq));
  await nextTurn();
  expect(sent()).toEqual([1, 2, 3]);
  it.acknowledge(ack(1, "accepted"));
  it.acknowledge(ack(3, "expect", 2));
  await nextTurn();
  expect(sent()).toEqual([2, 3]);
});

test("events that wait for one which nobody has any more are given up instead of being sent for ever", async () => {
  const { it, sent } = reporter();
  for (const seq of [1, 2, 3]) it.add(event(seq));
  await nextTurn();
  sent();
  for (const seq of [1, 2]) it.acknowledge(ack(seq, "accepted"));
  it.acknowledge(ack(3, "expect", 2));
  await nextTurn();
  expect([sent(), it.pendingCount]).toEqual([[], 0]);
});
