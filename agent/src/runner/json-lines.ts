// JSON lines over a stream socket: cut lines, keep the order, write once per turn.
import type { Socket } from "node:net";
import { runnerLineBytesMax } from "@capstan/proto";

/**
 * Calls `onLine` for each whole line. A line above the limit destroys the socket: the peer is broken, and an endless
 * line must not fill the memory.
 */
export function readLines(socket: Socket, onLine: (line: string) => void): void {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    let from = 0;
    let end = chunk.indexOf("\n");
    while (end !== -1) {
      onLine(rest + chunk.slice(from, end));
      rest = "";
      from = end + 1;
      end = chunk.indexOf("\n", from);
    }
    rest += chunk.slice(from);
    if (rest.length > runnerLineBytesMax) socket.destroy(new Error("line is too long"));
  });
}

/** Gathers the lines of one turn of the event loop into one write. */
export class LineWriter {
  readonly #socket: Socket;
  #pending = "";

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  send(message: object): void {
    if (this.#pending === "") setImmediate(() => this.flush());
    this.#pending += `${JSON.stringify(message)}\n`;
  }

  flush(): void {
    if (this.#pending === "" || this.#socket.destroyed) return;
    const text = this.#pending;
    this.#pending = "";
    this.#socket.write(text);
  }
}
