// What a command says: data on stdout, talk on stderr.
//  O1. Nothing but data reaches stdout: no hint, spinner or warning.
//  O2. Colour only on a terminal or where it was asked for; meaning never hangs on it.
import { AppError } from "@capstan/proto";
import pc from "picocolors";
import { stringify } from "yaml";
import { didYouMean } from "../suggestion.ts";
import { stateSymbol, stateTone, type AnyState, type Tone } from "./state.ts";
import { formatTable, formatTsv, type Column } from "./table.ts";

export const formats = ["table", "wide", "json", "jsonl", "yaml", "name", "tsv"] as const;
export type Format = (typeof formats)[number];

export interface OutputOptions {
  /** What was asked for; undefined: by terminal. */
  readonly format: string | undefined;
  /** Fields of `--json id,state`. */
  readonly fields: string | undefined;
  readonly color: boolean | undefined;
  readonly isAscii: boolean;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

const isFormat = (text: string): text is Format => (formats as readonly string[]).includes(text);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export class Output {
  readonly isTerminal: boolean;
  readonly isAscii: boolean;
  readonly format: Format;
  readonly colors: ReturnType<typeof pc.createColors>;
  readonly #options: OutputOptions;
  readonly #fields: readonly string[] | undefined;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.isTerminal = options.stdout.isTTY;
    this.isAscii = options.isAscii;
    if (options.format !== undefined && !isFormat(options.format)) {
      throw new AppError(
        "usage",
        `-o ${options.format} is none of ${formats.join(", ")}.${didYouMean(options.format, formats)}`,
      );
    }
    this.#fields = options.fields?.split(",").filter((field) => field !== "");
    this.format = this.#fields !== undefined ? "json" : (options.format ?? (this.isTerminal ? "table" : "tsv"));
    this.colors = pc.createColors(options.color ?? this.isTerminal);
  }

  /** Letters in a line of the terminal; undefined where there is none, or it does not say. */
  get lineWidth(): number | undefined {
    const { columns } = this.#options.stdout;
    return this.isTerminal && columns > 0 ? columns : undefined;
  }

  /** True where stdout carries JSON, so that problems go there too. */
  get isJson(): boolean {
    return this.format === "json" || this.format === "jsonl";
  }

  /** True where people read: words and tables. */
  get isForPeople(): boolean {
    return this.format === "table" || this.format === "wide" || this.format === "tsv";
  }

  data(text: string): void {
    this.#options.stdout.write(text);
  }

  talk(line: string): void {
    this.#options.stderr.write(line + "\n");
  }

  hint(line: string): void {
    this.talk(this.tone("grey", line));
  }

  tone(tone: Tone, text: string): string {
    const { colors } = this;
    switch (tone) {
      case "neutral":
        return text;
      case "blue":
        return colors.cyan(text);
      case "green":
        return colors.green(text);
      case "red":
        return colors.red(text);
      case "amber":
        return colors.yellow(text);
      case "grey":
        return colors.gray(text);
      case "violet":
        return colors.magenta(text);
    }
  }

  symbol(state: AnyState): string {
    return this.tone(stateTone(state), stateSymbol(state, this.isAscii));
  }

  /** Symbol and word: `✓ succeeded`. */
  state(state: AnyState): string {
    return this.tone(stateTone(state), `${stateSymbol(state, this.isAscii)} ${state}`);
  }

  /** Says of a field that no row has what it might be: null alone would look like an answer. */
  #warnOfFields(rows: readonly unknown[]): void {
    const known = [...new Set(rows.filter(isObject).flatMap((row) => Object.keys(row)))];
    if (known.length === 0) return;
    for (const field of this.#fields ?? [])
      if (!known.includes(field))
        this.talk(`! there is no field ${field} here.${didYouMean(field, known) || ` There are ${known.join(", ")}.`}`);
  }

  #pick(value: unknown): unknown {
    const fields = this.#fields;
    if (fields === undefined || !isObject(value)) return value;
    return Object.fromEntries(fields.map((field) => [field, value[field] ?? null]));
  }

  /** A list, in the format that was asked for. `nameOf` is what `-o name` prints. */
  list<T>(rows: readonly T[], columns: readonly Column<T>[], nameOf: (row: T) => string, whole?: unknown): void {
    switch (this.format) {
      case "json":
        this.#warnOfFields(rows);
        this.data(
          JSON.stringify(
            this.#fields === undefined && whole !== undefined ? whole : rows.map((row) => this.#pick(row)),
            null,
            2,
          ) + "\n",
        );
        return;
      case "jsonl":
        for (const row of rows) this.data(JSON.stringify(row) + "\n");
        return;
      case "yaml":
        this.data(stringify(rows));
        return;
      case "name":
        for (const row of rows) this.data(nameOf(row) + "\n");
        return;
      case "tsv":
        this.data(formatTsv(rows, columns));
        return;
      case "table":
      case "wide": {
        // A heading over nothing says less than the sentence that follows it.
        if (rows.length === 0) return;
        const shown = this.format === "wide" ? columns : columns.filter((column) => column.isWide !== true);
        const decorate = (text: string, _: unknown, row: T | undefined): string =>
          row === undefined ? this.tone("grey", text) : text;
        this.data(formatTable(rows, shown, decorate, this.format === "wide" ? undefined : this.lineWidth));
        return;
      }
    }
  }

  /** One thing: its words for people, else the value itself. */
  one(value: unknown, name: string, words: () => string): void {
    switch (this.format) {
      case "json":
        this.#warnOfFields([value]);
        this.data(JSON.stringify(this.#pick(value), null, 2) + "\n");
        return;
      case "jsonl":
        this.data(JSON.stringify(value) + "\n");
        return;
      case "yaml":
        this.data(stringify(value));
        return;
      case "name":
        this.data(name + "\n");
        return;
      case "table":
      case "wide":
      case "tsv":
        this.data(words());
        return;
    }
  }
}
