// How frames name an attempt: its wire id, and the epoch that fences everything said about it.
import { z } from "zod";
import type { AttemptId } from "../id.ts";

export const attemptIdSchema = z.custom<AttemptId>(
  (value) => typeof value === "string" && attemptIdPattern.test(value),
  "must be an attempt id, att_ and 26 characters",
);
export const attemptIdPattern: RegExp = /^att_[0-7][0-9a-hjkmnp-tv-z]{25}$/;

/** `incarnation · 1,000,000 + k`, k from 1 (docs/protocol.md, "Epochs"). */
export const epochSchema = z.int().min(1);
/** `[attempt, epoch]`, the short form of heartbeats. */
export const attemptPairSchema = z.tuple([attemptIdSchema, epochSchema]);
export type AttemptPair = z.infer<typeof attemptPairSchema>;

/** Unix milliseconds by the sender's clock: for display, never for a decision. */
export const atMsSchema = z.int().min(0);
/** A count or a number of milliseconds or bytes. */
export const countSchema = z.int().min(0);
/** Free text of bounded length. */
export const textSchema = (charactersMax: number) => z.string().max(charactersMax);
