// Server-sent events to one client.
//  S1. A comment at least every 15 s, so that proxies keep the connection and clients notice its end.
//  S2. A reader with more than 256 KiB unsent is cut; it resumes by Last-Event-ID.
import type { FastifyReply, FastifyRequest } from "fastify";

const unsentBytesMax = 256 * 1024;
const commentMs = 15_000;

export class SseStream {
  private readonly reply: FastifyReply;
  private readonly timer: NodeJS.Timeout;
  private readonly closers: (() => void)[] = [];
  private over = false;

  /** Takes the answer over from Fastify; the handler returns nothing. */
  constructor(request: FastifyRequest, reply: FastifyReply) {
    this.reply = reply;
    reply.hijack();
    const headers: Record<string, string | number | readonly string[]> = {};
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) headers[name] = value;
    reply.raw.writeHead(200, {
      ...headers,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
    });
    reply.raw.write(": open\n\n");
    request.raw.socket.setNoDelay(true);
    reply.raw.on("close", () => this.close());
    reply.raw.on("error", () => this.close());
    this.timer = setInterval(() => this.comment(), commentMs);
    this.timer.unref();
  }

  get closed(): boolean {
    return this.over;
  }

  /** Sends one frame. False where the client is gone or was cut. */
  send(frame: { readonly id?: string; readonly event: string; readonly data: unknown }): boolean {
    const id = frame.id === undefined ? "" : `id: ${frame.id}\n`;
    return this.write(`${id}event: ${frame.event}\ndata: ${JSON.stringify(frame.data)}\n\n`);
  }

  /** Sends a comment, which a client ignores. */
  comment(): void {
    this.write(": \n\n");
  }

  onClose(listener: () => void): void {
    if (this.over) listener();
    else this.closers.push(listener);
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    clearInterval(this.timer);
    this.reply.raw.end();
    for (const listener of this.closers.splice(0)) listener();
  }

  private write(text: string): boolean {
    if (this.over) return false;
    this.reply.raw.write(text);
    if (this.reply.raw.writableLength > unsentBytesMax) {
      this.reply.raw.destroy();
      this.close();
      return false;
    }
    return true;
  }
}
