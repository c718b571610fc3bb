// The port of the CLI's sign-in by a code to its rows. Each change and its audit record are one transaction.
import type { NewSession, OpenedSession } from "./sign-in.store.ts";

export interface NewDevice {
  readonly deviceHash: Buffer;
  readonly userCode: string;
  /** What the program says of itself. */
  readonly client: string;
  /** The peer that it asked from. */
  readonly address: string;
  readonly lifeMs: number;
  readonly intervalMs: number;
}

/** What a person is shown of a program that waits. */
export interface WaitingDevice {
  readonly client: string;
  readonly address: string;
  readonly createdMs: number;
}

export type Redeemed =
  | { readonly kind: "unknown" }
  | { readonly kind: "denied" }
  | { readonly kind: "pending"; readonly intervalMs: number }
  | { readonly kind: "opened"; readonly session: OpenedSession };

export interface DeviceStore {
  /** Undefined: another program waits under this user code. */
  open(device: NewDevice): Promise<{ readonly expiresMs: number } | undefined>;
  /** A program that waits under this code; undefined where none does, or none any more. */
  waiting(userCode: string): Promise<WaitingDevice | undefined>;
  /** Notes a person's answer, once. False where nothing waits under the code. */
  decide(
    userCode: string,
    answer: { readonly userId: string; readonly approve: boolean; readonly provedMs: number; readonly actor: string },
  ): Promise<boolean>;
  /** Swaps a confirmed code for a session, once; a program that asks too often is told to ask less. */
  redeem(deviceHash: Buffer, session: Omit<NewSession, "provedMs" | "replaces" | "kind">): Promise<Redeemed>;
}
