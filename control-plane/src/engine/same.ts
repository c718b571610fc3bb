/** Equal as JSON; the order of keys means nothing. */
export function same(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const [before, after] = [Object.entries(one), Object.entries(other)];
  // Both are objects; an absent key is undefined, which no JSON value is.
  return (
    before.length === after.length &&
    before.every(([key, value]) => same(value, (other as Readonly<Record<string, unknown>>)[key]))
  );
}
