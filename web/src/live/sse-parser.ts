// Server-sent events from text that arrives in any pieces.

export interface SseMessage {
  readonly id: string | undefined;
  readonly event: string;
  readonly text: string;
}

/** Takes pieces, gives the messages that they complete. Comments and unknown fields are dropped. */
export function sseParser(): (piece: string) => readonly SseMessage[] {
  let rest = "";
  let id: string | undefined;
  let event = "";
  let lines: string[] = [];
  return (piece) => {
    const messages: SseMessage[] = [];
    const parts = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = parts.pop() ?? "";
    for (const line of parts) {
      if (line === "") {
        if (lines.length > 0) messages.push({ id, event: event === "" ? "message" : event, text: lines.join("\n") });
        event = "";
        lines = [];
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
      if (field === "id") id = value;
      else if (field === "event") event = value;
      else if (field === "data") lines.push(value);
    }
    return messages;
  };
}
