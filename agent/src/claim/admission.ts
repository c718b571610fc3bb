// Whether an offered attempt may start (docs/protocol.md, L3). What is refused here is never started by this agent.
import {
  amountText,
  elapsedMs,
  lackingResource,
  oneSlot,
  type ClockReading,
  type OfferedAttempt,
  type RejectReason,
  type Resources,
} from "@capstan/proto";

export interface AdmissionState {
  readonly now: ClockReading;
  /** S(n) of the heartbeat that the offer names, where this session sent it. */
  readonly base: ClockReading | undefined;
  readonly heartbeatMs: number;
  readonly free: number;
  /** What the host has left. */
  readonly room: Resources;
  readonly isStopping: boolean;
  readonly isDiskFull: boolean;
  /** Isolation levels this agent gives. */
  readonly isolation: readonly string[];
  readonly isCancelled: boolean;
}

export type Admission =
  | { readonly kind: "start"; readonly base: ClockReading }
  | { readonly kind: "reject"; readonly reason: RejectReason; readonly detail: string; readonly elsewhere: boolean };

const reject = (reason: RejectReason, detail: string): Admission => ({
  kind: "reject",
  reason,
  detail,
  elsewhere: true,
});

export function admit(offer: OfferedAttempt, state: AdmissionState): Admission {
  const { base, now } = state;
  if (base === undefined) return reject("offer_stale", "the offer names a heartbeat that this session does not know");
  const age = elapsedMs(base, now);
  const bound = Math.min(3 * state.heartbeatMs, offer.leaseMs / 4);
  if (age >= bound)
    return reject("offer_stale", `the offer may be ${Math.round(age)} ms old; it must be younger than ${bound} ms`);
  if (state.isStopping) return reject("agent_stopping", "the agent takes no new work");
  if (state.isCancelled) return reject("agent_stopping", "a cancel came before the start");
  const { slots, ...takes } = offer.resources ?? oneSlot;
  if (state.free < slots) return reject("no_slot", slots === 1 ? "no slot is free" : `${slots} slots are not free`);
  const lacking = lackingResource(state.room, takes);
  if (lacking !== undefined)
    return reject(
      "no_slot",
      `${amountText(lacking, takes[lacking] ?? 0)} is wanted; ${amountText(lacking, state.room[lacking])} is left`,
    );
  if (state.isDiskFull) return reject("disk_full", "the disk under the agent's data folder is full");
  if (!state.isolation.includes(offer.isolation)) {
    return reject(
      "isolation_unavailable",
      `isolation ${offer.isolation} is wanted; this agent gives ${state.isolation.join(", ")}`,
    );
  }
  return { kind: "start", base };
}
