// Where the parts of a document stand in its text: from a JSON pointer to line and column.
import { isScalar, Scalar, type Node } from "yaml";

export interface Place {
  /** Offset of the key (or list item) and of the value. */
  readonly keyAt: number;
  readonly valueAt: number;
  readonly node: Node | undefined;
}

export interface Position {
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

/** A JSON pointer (RFC 6901) from the names on a path. */
export const pointerOf = (path: readonly (string | number)[]): string =>
  path.map((name) => `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

/** The names on the path of a JSON pointer; undefined for text that is none. */
export function pathOfPointer(pointer: string): readonly string[] | undefined {
  if (!/^(?:\/(?:[^~/]|~[01])*)+$/.test(pointer)) return undefined;
  return pointer
    .slice(1)
    .split("/")
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
}

export class SourceText {
  readonly text: string;
  readonly #lineStarts: number[] = [0];
  readonly #places = new Map<string, Place>();

  constructor(text: string) {
    this.text = text;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#lineStarts.push(at + 1);
  }

  mark(pointer: string, place: Place): void {
    this.#places.set(pointer, place);
  }

  /** The place of a pointer, or of the nearest parent that stands in the text. */
  placeOf(pointer: string): Place | undefined {
    for (let at = pointer; ; at = at.slice(0, at.lastIndexOf("/"))) {
      const place = this.#places.get(at);
      if (place !== undefined || at === "") return place;
    }
  }

  has(pointer: string): boolean {
    return this.#places.has(pointer);
  }

  positionAt(offset: number): Position {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 };
  }

  offsetOf(line: number, column: number): number {
    return (this.#lineStarts[line - 1] ?? 0) + column - 1;
  }

  /**
   * The offset in the text of an offset in a scalar's value: exact where the scalar is written as it reads
   * (plain, quoted without escapes, a literal block), else the scalar's start.
   */
  offsetWithin(pointer: string, value: string, at: number): number {
    const place = this.placeOf(pointer);
    if (place === undefined) return 0;
    const { node, valueAt } = place;
    if (!isScalar(node)) return valueAt;
    if (node.type === Scalar.BLOCK_LITERAL) return this.#offsetInBlock(valueAt, value, at);
    const start = node.type === Scalar.PLAIN ? valueAt : valueAt + 1;
    return this.text.startsWith(value, start) ? start + at : valueAt;
  }

  #offsetInBlock(valueAt: number, value: string, at: number): number {
    const body = this.text.indexOf("\n", valueAt) + 1;
    if (body === 0) return valueAt;
    const before = value.slice(0, at);
    const lineIndex = before.split("\n").length - 1;
    const column = at - (before.lastIndexOf("\n") + 1);
    const lines = this.text.slice(body).split("\n", lineIndex + 1);
    const line = lines[lineIndex];
    if (line === undefined) return valueAt;
    const written = value.split("\n")[lineIndex] ?? "";
    const indent = line.replace(/\r$/, "").length - written.length;
    if (indent < 0 || (!line.endsWith(written) && !line.endsWith(`${written}\r`))) return valueAt;
    return body + lines.slice(0, lineIndex).reduce((sum, one) => sum + one.length + 1, 0) + indent + column;
  }
}
