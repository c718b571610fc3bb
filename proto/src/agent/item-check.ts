// Hand-made checks of the items that make up nearly all traffic: started, finish, and offered attempts.
//  K1. True only where the schema would accept the item and give back an equal one (a property test holds them
//      together). False says nothing: the schema decides then.
import { attemptIdPattern } from "./attempt-ref.ts";

const digestPattern = /^sha256:[0-9a-f]{64}$/;
const hashPattern = /^[0-9a-f]{64}$/;
const isCount = (value: unknown): boolean => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const isText = (value: unknown, max: number): boolean => typeof value === "string" && value.length <= max;
const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const outcomes = new Set<unknown>(["succeeded", "failed", "timed_out", "cancelled", "lost"]);

/** A `started`, or a `finish` without failure, usage or poll fields, that needs no further look. */
export function isPlainReportItem(item: unknown): boolean {
  if (!isPlainObject(item)) return false;
  const kind = item["kind"];
  if (kind !== "finish" && kind !== "started") return false;
  let required = 0;
  for (const key in item) {
    const value = item[key];
    switch (key) {
      case "kind":
        break;
      case "attempt":
        if (typeof value !== "string" || !attemptIdPattern.test(value)) return false;
        required++;
        break;
      case "epoch":
        if (!isCount(value) || value === 0) return false;
        required++;
        break;
      case "atMs":
        if (kind !== "started" || !isCount(value)) return false;
        required++;
        break;
      case "outcome":
        if (kind !== "finish" || !outcomes.has(value)) return false;
        required++;
        break;
      case "startedMs":
      case "endedMs":
        if (kind !== "finish" || !isCount(value)) return false;
        break;
      case "exitCode":
        if (kind !== "finish" || !Number.isSafeInteger(value)) return false;
        break;
      case "outputs":
        if (kind !== "finish" || !isPlainObject(value)) return false;
        break;
      case "log":
        if (kind !== "finish" || !isPlainLog(value)) return false;
        break;
      default:
        return false;
    }
  }
  return required === 3;
}

function isPlainLog(log: unknown): boolean {
  if (!isPlainObject(log) || Object.keys(log).length !== 3) return false;
  const sha256 = log["sha256"];
  return isCount(log["bytes"]) && isCount(log["gaps"]) && typeof sha256 === "string" && hashPattern.test(sha256);
}

const offerTexts: Readonly<Record<string, number>> = {
  taskRun: 64,
  run: 64,
  runName: 96,
  project: 128,
  task: 160,
  isolation: 32,
  traceparent: 64,
};

/** An offered attempt that needs no further look. */
export function isPlainOffer(item: unknown): boolean {
  if (!isPlainObject(item)) return false;
  let required = 0;
  for (const key in item) {
    const value = item[key];
    switch (key) {
      case "timeoutMs":
        if (!isCount(value) || value === 0) return false;
        continue;
      case "seq":
      case "epoch":
      case "number":
        if (!isCount(value) || value === 0) return false;
        break;
      case "index":
      case "graceMs":
        if (!isCount(value)) return false;
        break;
      case "leaseMs":
        if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1000) return false;
        break;
      case "attempt":
        if (typeof value !== "string" || !attemptIdPattern.test(value)) return false;
        break;
      case "specDigest":
        if (typeof value !== "string" || !digestPattern.test(value)) return false;
        break;
      case "inputs":
        if (!isPlainObject(value)) return false;
        break;
      case "onLeaseEnd":
        if (value !== "stop" && value !== "continue") return false;
        break;
      case "secrets":
        if (!Array.isArray(value) || value.length > 200) return false;
        for (const name of value) if (!isText(name, 256)) return false;
        break;
      default: {
        const max = Object.hasOwn(offerTexts, key) ? offerTexts[key] : undefined;
        if (max === undefined || !isText(value, max)) return false;
      }
    }
    required++;
  }
  return required === 18;
}
