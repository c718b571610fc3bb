// The words of `npm run sim`.
export const words = process.argv.slice(2);

export const has = (name: string): boolean => words.includes(name);

/** The word after a flag; undefined where another flag or nothing follows. */
export function valueOf(name: string): string | undefined {
  const at = words.indexOf(name);
  const value = at < 0 ? undefined : words[at + 1];
  return value?.startsWith("--") === true ? undefined : value;
}

/** A whole number after a flag. @throws where something else stands there */
export function numberOf(name: string, otherwise: number): number {
  const text = valueOf(name);
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`${name} wants a whole number, not ${text}`);
  return value;
}

/** `A..B`, or `N` for 1..N. */
export function seedsOf(text: string): { readonly from: number; readonly to: number } | undefined {
  if (text === "") return undefined;
  const [first, last] = text.split("..").map(Number);
  if (first === undefined || !Number.isInteger(first)) return undefined;
  if (last === undefined) return { from: 1, to: first };
  return Number.isInteger(last) ? { from: first, to: last } : undefined;
}

export const write = (text: string): void => void process.stdout.write(`${text}\n`);
