/** One entry of the error catalogue. The code is its key; `docs/reference/errors.md` has a heading for each. */
export interface ErrorEntry {
  /** A short sentence without a full stop: what is wrong. */
  readonly title: string;
  /** HTTP status where the code leaves by REST. */
  readonly status?: number;
  /** True where the same request may succeed later without a change. */
  readonly retryable: boolean;
  /** What it means and what usually causes it. */
  readonly meaning: string;
  /** The next step for the person who reads it. */
  readonly do: string;
}

/** Keeps the keys of a part of the catalogue as a type, and checks each entry. */
export const errorEntries = <const K extends string>(entries: Record<K, ErrorEntry>): Record<K, ErrorEntry> => entries;
