// Patterns are RE2: linear time on any input. Compiled ones are kept.
import { RE2JS } from "re2js";

const patternsMax = 500;
const patterns = new Map<string, RE2JS>();

/** @throws Error with the reason where the text is no RE2 pattern */
export function compiledPattern(text: string): RE2JS {
  let compiled = patterns.get(text);
  if (compiled === undefined) {
    compiled = RE2JS.compile(text);
    if (patterns.size >= patternsMax) patterns.clear();
    patterns.set(text, compiled);
  }
  return compiled;
}

/** Whether a match stands anywhere in a text, as JSON Schema's `pattern` asks. */
export const matchesPattern = (pattern: string, text: string): boolean => compiledPattern(pattern).matcher(text).find();

/** Why a text is no RE2 pattern, or undefined. */
export function patternError(pattern: string): string | undefined {
  try {
    compiledPattern(pattern);
    return undefined;
  } catch (error) {
    return `"${pattern}" is not an RE2 pattern: ${error instanceof Error ? error.message : String(error)}`;
  }
}
