// The envelope of every text frame: `{ t, id, re?, b }` (docs/protocol.md, "Messages").
//  F1. Nothing reaches a handler unless its body passed the schema of its type and direction.
//  F2. Known fields are checked, unknown ones dropped; an unknown type is answered, not punished (a newer peer).
//  F3. Broken frames (no JSON, too deep, dangerous keys) close the connection with 4400 and change nothing.
import type { z } from "zod";
import { isReservedKey, valueDepthMax } from "../plain-value.ts";
import { frameBytesMax } from "../size.ts";
import { cancelAckSchema, cancelSchema } from "./cancel.ts";
import { confirmAckSchema, confirmSchema } from "./confirm.ts";
import { byeAckSchema, byeSchema, drainAckSchema, drainSchema } from "./drain.ts";
import { configSchema, frameErrorSchema, goawaySchema } from "./goaway.ts";
import { heartbeatAckSchema, heartbeatSchema } from "./heartbeat.ts";
import { helloSchema, inventorySchema, readySchema, verdictsSchema, welcomeSchema } from "./hello.ts";
import { logAckSchema, logNackSchema } from "./log.ts";
import { isPlainOffer, isPlainReportItem } from "./item-check.ts";
import { askSchema, offerAttemptsMax, offeredAttemptSchema, offerRestSchema, offerSchema } from "./offer.ts";
import { reportAckSchema, reportItemSchema, reportItemsMax, reportSchema } from "./report.ts";
import { tokenAckSchema, tokenSchema } from "./token.ts";

/** Frames that an agent sends. */
export const agentFrameSchemas = {
  hello: helloSchema,
  inventory: inventorySchema,
  ready: readySchema,
  heartbeat: heartbeatSchema,
  ask: askSchema,
  report: reportSchema,
  "cancel.ack": cancelAckSchema,
  drain: drainSchema,
  "drain.ack": drainAckSchema,
  bye: byeSchema,
  confirm: confirmSchema,
  token: tokenSchema,
  error: frameErrorSchema,
} as const;

/** Frames that the control plane sends. */
export const controlFrameSchemas = {
  welcome: welcomeSchema,
  verdicts: verdictsSchema,
  "heartbeat.ack": heartbeatAckSchema,
  offer: offerSchema,
  "report.ack": reportAckSchema,
  cancel: cancelSchema,
  drain: drainSchema,
  "drain.ack": drainAckSchema,
  "bye.ack": byeAckSchema,
  goaway: goawaySchema,
  config: configSchema,
  "confirm.ack": confirmAckSchema,
  "token.ack": tokenAckSchema,
  "log.ack": logAckSchema,
  "log.nack": logNackSchema,
  error: frameErrorSchema,
} as const;

type FrameOf<S extends Record<string, z.ZodType>> = {
  [K in keyof S & string]: { readonly t: K; readonly id: number; readonly re?: number; readonly b: z.infer<S[K]> };
}[keyof S & string];
export type AgentFrame = FrameOf<typeof agentFrameSchemas>;
export type ControlFrame = FrameOf<typeof controlFrameSchemas>;
export type AgentFrameType = AgentFrame["t"];
export type ControlFrameType = ControlFrame["t"];
/** The body of a frame type, for example `AgentBody<"report">`. */
export type AgentBody<T extends AgentFrameType> = Extract<AgentFrame, { t: T }>["b"];
export type ControlBody<T extends ControlFrameType> = Extract<ControlFrame, { t: T }>["b"];

/** Which peer wrote the frame. */
export type Direction = "agent" | "control";
interface FrameByDirection {
  readonly agent: AgentFrame;
  readonly control: ControlFrame;
}

export type Decoded<F> =
  /** `refused`: items of its array that broke their schema and were left out. */
  | { readonly kind: "frame"; readonly frame: F; readonly refused: readonly RefusedItem[] }
  /** Close 4400; nothing applied. */
  | { readonly kind: "broken"; readonly detail: string }
  /** Answer `error { code: "malformed" }`; ten in 60 s → 4400. */
  | {
      readonly kind: "malformed";
      readonly id: number;
      readonly t: string;
      readonly path: string;
      readonly detail: string;
    }
  /** Answer `error { code: "unsupported" }`. */
  | { readonly kind: "unsupported"; readonly id: number; readonly t: string };

export interface RefusedItem {
  readonly index: number;
  readonly path: string;
}

export const frameDepthMax = valueDepthMax;
export const frameKeysMax = 10_000;
/** Frames of the control plane: an offer may carry the results of ten thousand indexes; `frameBytesMax` bounds it too. */
export const controlFrameKeysMax = 100_000;
/** A value that came in a body or by an expression may have `valueDepthMax` levels, in a place of a document that has as many. */
const controlFrameDepthMax = 160;

/** Text of a frame. The body is trusted: it was made by our own typed code. */
export const encodeFrame = (frame: AgentFrame | ControlFrame): string => JSON.stringify(frame);

/**
 * Reads one text frame written by the peer `direction`. Never throws. That `id` is the next one is the caller's to
 * check, because it knows the connection.
 */
export function decodeFrame<D extends Direction>(text: string, direction: D): Decoded<FrameByDirection[D]> {
  // A UTF-16 length never exceeds the UTF-8 one; the socket's maxPayload holds the exact limit in bytes.
  if (text.length > frameBytesMax) return { kind: "broken", detail: `frame is longer than ${frameBytesMax} bytes` };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: "broken", detail: "frame is not JSON" };
  }
  if (!isRecord(value)) return { kind: "broken", detail: "frame is not an object" };
  const danger = direction === "control" ? dangerIn(value, controlFrameKeysMax, controlFrameDepthMax) : dangerIn(value);
  if (danger !== undefined) return { kind: "broken", detail: danger };
  const { t, id, re, b } = value;
  if (typeof t !== "string" || t.length > 64) return { kind: "broken", detail: "t is not a text" };
  if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 1)
    return { kind: "broken", detail: "id is not a number" };
  if (re !== undefined && (typeof re !== "number" || !Number.isSafeInteger(re) || re < 1)) {
    return { kind: "broken", detail: "re is not a number" };
  }
  const schemas: Readonly<Record<string, z.ZodType>> = direction === "agent" ? agentFrameSchemas : controlFrameSchemas;
  const schema = Object.hasOwn(schemas, t) ? schemas[t] : undefined;
  if (schema === undefined) return { kind: "unsupported", id, t };
  const refused: RefusedItem[] = [];
  const items = itemArrays[t];
  if (items !== undefined && isRecord(b)) {
    const array = b[items.key];
    if (Array.isArray(array) && array.length <= items.max) {
      const kept = keepGoodItems(array, items, refused);
      // The other fields pass the schema with an empty array in the place of the one just checked.
      const rest = items.rest.safeParse({ ...b, [items.key]: [] });
      if (!rest.success) return malformed(id, t, rest.error);
      const body = { ...rest.data, [items.key]: kept };
      return { kind: "frame", frame: frameOf(t, id, re, body), refused };
    }
  }
  const parsed = schema.safeParse(b);
  if (!parsed.success) return malformed(id, t, parsed.error);
  return { kind: "frame", frame: frameOf(t, id, re, parsed.data), refused };

  function frameOf(type: string, number: number, answers: unknown, body: unknown): FrameByDirection[D] {
    const frame =
      answers === undefined ? { t: type, id: number, b: body } : { t: type, id: number, re: answers, b: body };
    return frame as FrameByDirection[D]; // the schema of this type and direction has just accepted the body
  }
}

interface ItemArray {
  readonly key: string;
  readonly max: number;
  readonly item: z.ZodType;
  readonly rest: z.ZodType<Record<string, unknown>>;
  /** True where the item is valid as it stands and has no unknown field: the schema need not look at it. */
  readonly isPlain: (item: unknown) => boolean;
}

// Arrays in which a bad item is left out and the others count (docs/protocol.md, "Messages").
const itemArrays: Readonly<Record<string, ItemArray | undefined>> = {
  report: {
    key: "items",
    max: reportItemsMax,
    item: reportItemSchema,
    rest: reportSchema,
    isPlain: isPlainReportItem,
  },
  offer: {
    key: "attempts",
    max: offerAttemptsMax,
    item: offeredAttemptSchema,
    rest: offerRestSchema,
    isPlain: isPlainOffer,
  },
};

function keepGoodItems(array: readonly unknown[], items: ItemArray, refused: RefusedItem[]): unknown[] {
  const kept: unknown[] = [];
  for (let index = 0; index < array.length; index++) {
    const item: unknown = array[index];
    if (items.isPlain(item)) {
      kept.push(item);
      continue;
    }
    const parsed = items.item.safeParse(item);
    if (parsed.success) kept.push(parsed.data);
    else refused.push({ index, path: `/${items.key}/${index}${pointerOf(parsed.error)}` });
  }
  return kept;
}

function malformed(id: number, t: string, error: z.ZodError): Decoded<never> {
  return { kind: "malformed", id, t, path: pointerOf(error), detail: error.issues[0]?.message ?? "malformed" };
}

const pointerOf = (error: z.ZodError): string =>
  (error.issues[0]?.path ?? []).map((part) => `/${String(part)}`).join("");

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Why JSON may not travel in a frame, or undefined: too deep, too many keys, or a key that could reach a prototype.
 * Whoever puts foreign values into a frame (outputs, events) asks first, so that they cannot break the connection.
 */
export function dangerIn(
  root: unknown,
  keysMax: number = frameKeysMax,
  depthMax: number = frameDepthMax,
): string | undefined {
  let keys = 0;
  const visit = (value: object, depth: number): string | undefined => {
    if (depth > depthMax) return `frame is deeper than ${depthMax}`;
    if (Array.isArray(value)) {
      for (const item of value) {
        if (typeof item === "object" && item !== null) {
          const danger = visit(item, depth + 1);
          if (danger !== undefined) return danger;
        }
      }
      return undefined;
    }
    for (const key in value) {
      if (++keys > keysMax) return `frame has more than ${keysMax} keys`;
      if (isReservedKey(key)) return `frame has the key ${key}`;
      const item: unknown = (value as Record<string, unknown>)[key]; // every object of JSON is a record
      if (typeof item === "object" && item !== null) {
        const danger = visit(item, depth + 1);
        if (danger !== undefined) return danger;
      }
    }
    return undefined;
  };
  return typeof root === "object" && root !== null ? visit(root, 1) : undefined;
}
