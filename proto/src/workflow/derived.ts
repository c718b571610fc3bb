import type { JsonValue } from "../json.ts";

/** Where the version of one run came from: the deployed version, and what its request changed in it. */
export interface Derived {
  /** Digest of the version that the run was asked for. */
  readonly from: string;
  /** By JSON pointer of the document as its author writes it, long forms of actions; null took a key away. */
  readonly set: Readonly<Record<string, JsonValue>>;
}
