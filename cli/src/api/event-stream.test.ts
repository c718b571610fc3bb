import { expect, test } from "vitest";
import { readEvents, resumingEvents, type ServerEvent } from "./event-stream.ts";

const bodyOf = (...chunks: readonly string[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });

test("an event is read whole, however the bytes are cut, also within a letter", async () => {
  const bytes = new TextEncoder().encode("id: 7\nevent: lines\ndata: é\n\n: comment\n\ndata: x\n\n");
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  const events: ServerEvent[] = [];
  for await (const event of readEvents(body)) events.push(event);
  expect(events.map((event) => [event.type, event.data])).toEqual([
    ["lines", "é"],
    ["message", "x"],
  ]);
  expect(events[0]?.id).toBe("7");
});

test("after a broken line the stream goes on from the last id, and no event comes twice", async () => {
  const asked: (string | undefined)[] = [];
  const stream = resumingEvents({
    open: (lastEventId) => {
      asked.push(lastEventId);
      if (asked.length === 2) throw new Error("away");
      const from = Number(lastEventId ?? 0);
      return readEvents(bodyOf(`id: ${from + 1}\ndata: ${from + 1}\n\n`));
    },
    isPassing: () => true,
  });
  const data: string[] = [];
  for await (const event of stream) {
    data.push(event.data);
    if (data.length === 3) break;
  }
  expect(data).toEqual(["1", "2", "3"]);
  expect(asked).toEqual([undefined, "1", "1", "2"]);
});

test("a failure that will not pass ends the stream", async () => {
  const stream = resumingEvents({
    open: () => {
      throw new Error("forbidden");
    },
    isPassing: () => false,
  });
  await expect(stream.next()).rejects.toThrow("forbidden");
});
