// Rows as one parameter in PostgreSQL's binary format: an array of a composite type. Reading it costs the server a third
// of what the same rows cost as JSON, and encoding it costs no more than JSON.stringify.
//  R1. What PostgreSQL reads is what the same value would be in JSON: `binary-rows.db.test.ts` compares the two.
//  R2. A value that does not fit its column throws here, or is refused by the server: it is never cut or wrapped.
// The format is that of array_recv, record_recv and the types' own receive functions (src/backend/utils/adt), unchanged
// since PostgreSQL 8.
import type { Columns, ColumnType } from "../commit/batch-columns.ts";

/** Object ids of built-in types, fixed for ever (pg_type.dat). */
const typeOids: Readonly<Record<ColumnType, number>> = {
  bool: 16,
  int2: 21,
  int4: 23,
  int8: 20,
  float8: 701,
  uuid: 2950,
  text: 25,
  json: 114,
  jsonb: 3802,
  timestamptz: 1184,
};

/** The epoch of a timestamptz, 2000-01-01T00:00:00Z, in Unix ms. */
const timestampEpochMs = 946_684_800_000;
const twoTo32 = 2 ** 32;
const bytesAtFirst = 64 * 1024;
/** Room that a value of fixed length and its headers need at most. */
const fixedBytesMax = 32;
/** Short ASCII, as states and keys are, is copied by hand: a call into the runtime costs more. */
const shortText = 24;

/** Value of a hexadecimal digit by its character code; 255 for anything else. */
const digits = new Uint8Array(256).fill(255);
for (let i = 0; i < 16; i++) {
  digits["0123456789abcdef".charCodeAt(i)] = i;
  digits["0123456789ABCDEF".charCodeAt(i)] = i;
}

interface Field {
  readonly name: string;
  readonly type: ColumnType;
  readonly oid: number;
}

export class BinaryRows {
  private readonly fields: readonly Field[];
  private bytes = Buffer.allocUnsafe(bytesAtFirst);
  private at = 0;

  constructor(columns: Columns) {
    this.fields = Object.entries(columns).map(([name, type]) => ({ name, type, oid: typeOids[type] }));
  }

  /**
   * The rows as a value for `$n::row_type[]`. Absent, undefined and null are NULL.
   * @param rowType object id of the composite type in the database that will read it
   * @throws RangeError or TypeError for a value that its column cannot hold
   */
  encode(rows: readonly object[], rowType: number): Buffer {
    this.at = 0;
    this.int32(1); // dimensions
    this.int32(0); // no element is null
    this.int32(rowType);
    this.int32(rows.length);
    this.int32(1); // lower bound
    for (const row of rows) {
      this.reserve(2 * fixedBytesMax);
      const lengthAt = this.at;
      this.at += 4;
      this.int32(this.fields.length);
      // Rows are made from the same table of columns (`BatchRow`); their values are checked one by one below.
      const values = row as Readonly<Record<string, unknown>>;
      for (const { name, type, oid } of this.fields) {
        this.reserve(fixedBytesMax);
        this.int32(oid);
        const value = values[name];
        if (value === undefined || value === null) this.int32(-1);
        else this.value(name, type, value);
      }
      this.bytes.writeInt32BE(this.at - lengthAt - 4, lengthAt);
    }
    const encoded = Buffer.from(this.bytes.subarray(0, this.at));
    if (this.bytes.length > 16 * bytesAtFirst) this.bytes = Buffer.allocUnsafe(bytesAtFirst);
    return encoded;
  }

  private value(name: string, type: ColumnType, value: unknown): void {
    switch (type) {
      case "json":
        return this.text(JSON.stringify(value), -1);
      case "jsonb":
        return this.text(JSON.stringify(value), 1);
      case "uuid":
      case "text":
        if (typeof value !== "string") throw new TypeError(`column ${name} takes a string, not ${typeof value}`);
        if (type === "uuid") return this.uuid(value);
        return this.text(value, -1);
      case "bool":
        this.int32(1);
        this.bytes[this.at++] = value === true ? 1 : 0;
        return;
      case "int2":
      case "int4":
      case "int8":
      case "float8":
      case "timestamptz":
        if (typeof value !== "number") throw new TypeError(`column ${name} takes a number, not ${typeof value}`);
        return this.number(type, value);
    }
  }

  private number(type: "int2" | "int4" | "int8" | "float8" | "timestamptz", value: number): void {
    switch (type) {
      case "int2":
        this.int32(2);
        this.at = this.bytes.writeInt16BE(whole(value), this.at);
        return;
      case "int4":
        this.int32(4);
        this.at = this.bytes.writeInt32BE(whole(value), this.at);
        return;
      case "int8":
        return this.int64(whole(value));
      case "timestamptz":
        return this.time(value);
      case "float8":
        this.int32(8);
        this.at = this.bytes.writeDoubleBE(value, this.at);
    }
  }

  private int32(value: number): void {
    const { bytes, at } = this;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
    this.at = at + 4;
  }

  private int64(value: number): void {
    this.int32(8);
    this.int32(Math.floor(value / twoTo32));
    this.int32(value);
  }

  private time(ms: number): void {
    const us = Math.round((ms - timestampEpochMs) * 1000);
    if (Number.isSafeInteger(us)) return this.int64(us);
    // After the year 2285. What PostgreSQL cannot hold it refuses itself.
    this.int32(8);
    this.at = this.bytes.writeBigInt64BE(BigInt(Math.round(ms) - timestampEpochMs) * 1000n, this.at);
  }

  private uuid(value: string): void {
    if (value.length !== 36) throw new TypeError(`not a UUID: ${value}`);
    this.int32(16);
    const { bytes } = this;
    let { at } = this;
    let wrong = 0;
    for (let i = 0; i < 36; i += 2) {
      if (i === 8 || i === 13 || i === 18 || i === 23) i += 1;
      const high = digits[value.charCodeAt(i)] ?? 255;
      const low = digits[value.charCodeAt(i + 1)] ?? 255;
      wrong |= high | low;
      bytes[at++] = (high << 4) | low;
    }
    if (wrong > 15) throw new TypeError(`not a UUID: ${value}`);
    this.at = at;
  }

  /** A text of any length; `version` is the first byte of a jsonb, -1 for none. */
  private text(value: string, version: number): void {
    this.reserve(value.length * 3 + fixedBytesMax);
    const lengthAt = this.at;
    this.at += 4;
    if (version >= 0) this.bytes[this.at++] = version;
    this.at += this.utf8(value);
    const length = this.at - lengthAt - 4;
    this.bytes.writeInt32BE(length, lengthAt);
  }

  /** Writes at the current place without moving it; the number of bytes. */
  private utf8(value: string): number {
    const { bytes, at } = this;
    const { length } = value;
    if (length <= shortText) {
      let i = 0;
      for (; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code > 127) break;
        bytes[at + i] = code;
      }
      if (i === length) return length;
    }
    // Node would put U+FFFD for half a surrogate pair without a word.
    if (!value.isWellFormed()) throw new TypeError("text with half a surrogate pair");
    return bytes.write(value, at);
  }

  private reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + count));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}

function whole(value: number): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a whole number that can be kept exactly: ${value}`);
  return value;
}
