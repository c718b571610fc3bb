// Checking an audit trail away from the server that keeps it.
import { createHash } from "node:crypto";
import { auditText, firstPrevious, type AuditRecordView } from "@capstan/proto";

export type ChainCheck =
  | { readonly isWhole: true; readonly records: number; readonly head: string }
  /** The first record that does not fit, and why. */
  | { readonly isWhole: false; readonly seq: number; readonly why: string };

/** A record that was kept elsewhere, such as the answer of `audit head` of last week. */
export interface Witness {
  readonly seq: number;
  readonly sha256: string;
}

/**
 * Follows the chain from its first record.
 * @param records in the order of `seq`, from 1 without a gap
 * @param witness what was kept elsewhere; a trail that was cut or made anew does not hold it
 */
export function checkChain(records: Iterable<AuditRecordView>, witness?: Witness): ChainCheck {
  let previous = firstPrevious;
  let seq = 0;
  for (const record of records) {
    seq += 1;
    if (record.seq !== seq)
      return { isWhole: false, seq, why: `record ${seq} is missing; record ${record.seq} follows` };
    if (record.previousSha256 !== previous)
      return { isWhole: false, seq, why: `record ${seq} does not follow record ${seq - 1}` };
    const sha256 = createHash("sha256")
      .update(previous)
      .update(auditText(seq, record.at, record))
      .digest("hex");
    if (record.sha256 !== sha256) return { isWhole: false, seq, why: `record ${seq} was changed` };
    if (witness?.seq === seq && witness.sha256 !== sha256)
      return { isWhole: false, seq, why: `record ${seq} is another one than the witness has` };
    previous = sha256;
  }
  if (witness !== undefined && witness.seq > seq)
    return {
      isWhole: false,
      seq: seq + 1,
      why: `the trail ends at ${seq}; the witness has seen record ${witness.seq}`,
    };
  return { isWhole: true, records: seq, head: previous };
}
