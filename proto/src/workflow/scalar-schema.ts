// Small parts of the schema: names, text, durations, sizes. A message may begin with one of our codes (`bad_name: …`);
// `shape.ts` splits it off again, and without one the kind of the issue decides.
import * as z from "zod";
import { parseDuration } from "../duration.ts";

export const namePattern = /^[a-z][a-z0-9_]{0,62}$/;
export const secretNamePattern = /^[A-Z][A-Z0-9_]{0,62}$/;
export const tagPattern = /^[a-z0-9][a-z0-9_.:-]{0,62}$/;
const durationPattern =
  /^(?:(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?|P(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?)$/;

const reservedNames = new Set(["in", "true", "false", "null"]);

const shown = (value: unknown): string =>
  value === undefined ? "nothing" : (JSON.stringify(value)?.slice(0, 60) ?? typeof value);

const wrongText = ({ input }: { readonly input?: unknown }): string =>
  typeof input === "boolean" || typeof input === "number"
    ? `wrong_type: text is needed, not ${shown(input)}; write "${String(input)}"`
    : `wrong_type: text is needed, not ${kindOf(input)}`;

/** What a JSON value is, in words. */
export function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "nothing (null)";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  return typeof value === "string" ? "text" : `the ${typeof value} ${JSON.stringify(value)}`;
}

/** Text; a boolean or a number is refused with the quoted form. */
export const text = (charactersMax = 65_536): z.ZodString =>
  z.string({ error: wrongText }).max(charactersMax, { error: `too_large: at most ${charactersMax} characters` });
export const requiredText = (charactersMax = 65_536): z.ZodString =>
  text(charactersMax).min(1, { error: "bad_value: text is needed here" });

const nameError =
  (pattern: RegExp) =>
  ({ input }: { readonly input?: unknown }): string => {
    if (typeof input !== "string") return wrongText({ input });
    const offer = offeredName(input, pattern);
    return `bad_name: ${shown(input)} is not a name (${pattern.source})${offer === undefined ? "" : `; write ${offer}`}`;
  };

/** A near name that would be right: hyphens and blanks as underscores, in the right case. */
export function offeredName(wrong: string, pattern: RegExp): string | undefined {
  const upper = pattern === secretNamePattern;
  const flat = wrong.replaceAll(/[^A-Za-z0-9]+/g, "_").replace(/^[_0-9]+/, "");
  const cased = upper ? flat.toUpperCase() : flat.toLowerCase();
  return pattern.test(cased) ? cased : undefined;
}

export const nameText: z.ZodString = z
  .string({ error: wrongText })
  .regex(namePattern, { error: nameError(namePattern) })
  .refine((name) => !reservedNames.has(name), {
    error: ({ input }) => `reserved_name: ${shown(input)} is a word of the expression language`,
  });
export const secretNameText: z.ZodString = z
  .string({ error: wrongText })
  .regex(secretNamePattern, { error: nameError(secretNamePattern) });

/** A duration between two limits in milliseconds. */
export function durationText(minMs: number, maxMs: number): z.ZodType<string> {
  return z
    .string({
      error: ({ input }) =>
        typeof input === "number"
          ? `bad_duration: ${input} has no unit: ${input}s or ${input}m?`
          : `bad_duration: a duration such as 90s, 10m, 1h30m or 2d is needed, not ${kindOf(input)}`,
    })
    .regex(durationPattern, {
      error: ({ input }) => `bad_duration: ${shown(input)} is not a duration; write 90s, 10m, 1h30m or 2d`,
    })
    .refine((value) => parseDuration(value) !== undefined, {
      error: ({ input }) => `bad_duration: ${shown(input)} is not a duration; write 90s, 10m, 1h30m or 2d`,
    })
    .refine(
      (value) => {
        const ms = parseDuration(value);
        return ms === undefined || (ms >= minMs && ms <= maxMs);
      },
      { error: ({ input }) => `bad_value: ${shown(input)} is outside ${spelled(minMs)} to ${spelled(maxMs)}` },
    );
}

const spelled = (ms: number): string =>
  ms !== 0 && ms % 86_400_000 === 0
    ? `${ms / 86_400_000}d`
    : ms !== 0 && ms % 3_600_000 === 0
      ? `${ms / 3_600_000}h`
      : ms !== 0 && ms % 60_000 === 0
        ? `${ms / 60_000}m`
        : `${ms / 1000}s`;

const sizePattern = /^(\d+)(Ki|Mi|Gi|Ti|K|k|M|G|T)?$/;
const sizeUnits: Readonly<Record<string, number>> = {
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
  K: 1e3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
};

/** Bytes of `512Mi`, `8Gi`, `2G` or a number of bytes; undefined for anything else. */
export function parseSize(size: string | number): number | undefined {
  if (typeof size === "number") return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
  const match = sizePattern.exec(size);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * (match[2] === undefined ? 1 : (sizeUnits[match[2]] ?? 1));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

export const sizeValue = z.union([
  z
    .string()
    .regex(sizePattern, { error: ({ input }) => `bad_value: ${shown(input)} is not a size; write 512Mi, 8Gi or 2G` }),
  z.int().min(0),
]);

export const whole = (min: number, max: number): z.ZodNumber =>
  z
    .int({ error: ({ input }) => `wrong_type: a whole number is needed, not ${kindOf(input)}` })
    .min(min, { error: ({ input }) => `bad_value: ${shown(input)} is outside ${min} to ${max}` })
    .max(max, { error: ({ input }) => `bad_value: ${shown(input)} is outside ${min} to ${max}` });
export const fraction = (min: number, max: number): z.ZodNumber =>
  z
    .number({ error: ({ input }) => `wrong_type: a number is needed, not ${kindOf(input)}` })
    .min(min, { error: ({ input }) => `bad_value: ${shown(input)} is outside ${min} to ${max}` })
    .max(max, { error: ({ input }) => `bad_value: ${shown(input)} is outside ${min} to ${max}` });

/** Any JSON; expressions may stand in it. The parser yields nothing else, so there is nothing to check. */
export const json = z.unknown();
export const jsonMap = z.record(z.string(), json);
export const textMap = z.record(z.string(), text());
