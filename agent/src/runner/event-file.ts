// Follows the file into which a task appends its events (`CAPSTAN_EVENTS`): JSON lines of at most 4 KiB, at most 10,000.
//  V1. The file is the task's: no link is followed, only a regular file is read, and what is no event is left out.
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from "node:fs";
import { attemptEventTypes, dangerIn, type AttemptEventType, type JsonObject } from "@capstan/proto";

const lineBytesMax = 4096;
const eventsMax = 10_000;
const taskEvents = new Set<string>(["progress", "metric", "asset", "note", "link"]);

export interface TaskEvent {
  readonly type: AttemptEventType;
  readonly body: JsonObject;
}

export class EventFile {
  readonly #path: string;
  #position = 0;
  #rest = Buffer.alloc(0);
  #count = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Events appended since the last look; at the end of the attempt also a last line without newline. */
  read(atEnd: boolean): TaskEvent[] {
    // Most tasks write none, and an exception with its stack costs more than a look.
    if (lstatSync(this.#path, { throwIfNoEntry: false }) === undefined) return [];
    let fd: number;
    try {
      fd = openSync(this.#path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch {
      return [];
    }
    const events: TaskEvent[] = [];
    try {
      if (!fstatSync(fd).isFile()) return [];
      const chunk = Buffer.allocUnsafe(65_536);
      while (this.#count < eventsMax) {
        const length = readSync(fd, chunk, 0, chunk.length, this.#position);
        if (length === 0) break;
        this.#position += length;
        this.#rest = Buffer.concat([this.#rest, chunk.subarray(0, length)]);
        this.#cutLines(events);
      }
    } finally {
      closeSync(fd);
    }
    if (atEnd && this.#rest.length > 0) {
      this.#take(this.#rest, events);
      this.#rest = Buffer.alloc(0);
    }
    return events;
  }

  #cutLines(events: TaskEvent[]): void {
    let from = 0;
    for (let end = this.#rest.indexOf(10); end !== -1; end = this.#rest.indexOf(10, from)) {
      this.#take(this.#rest.subarray(from, end), events);
      from = end + 1;
    }
    this.#rest = Buffer.from(this.#rest.subarray(from));
    // An endless line is no event; keep only enough to go on refusing it.
    if (this.#rest.length > lineBytesMax) this.#rest = this.#rest.subarray(0, lineBytesMax + 1);
  }

  #take(line: Buffer, events: TaskEvent[]): void {
    if (line.length === 0 || line.length > lineBytesMax || this.#count >= eventsMax) return;
    try {
      const value: unknown = JSON.parse(line.toString("utf8"));
      if (typeof value !== "object" || value === null || Array.isArray(value) || dangerIn(value) !== undefined) return;
      // JSON objects are records; the shape of the body is the console's to show, not ours to trust.
      const { type, ...body } = value as Record<string, unknown> & JsonObject;
      const known = attemptEventTypes.find((name) => name === type);
      if (known === undefined || !taskEvents.has(known)) return;
      this.#count++;
      events.push({ type: known, body: body as JsonObject });
    } catch {
      // Not JSON: not an event.
    }
  }
}
