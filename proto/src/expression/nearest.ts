// "Did you mean …": the nearest known name by Damerau-Levenshtein distance.

/** Edits (insert, delete, replace, swap of neighbours) between two texts, or `max + 1` where there are more than `max`. */
function distance(a: string, b: string, max: number): number {
  if (Math.abs(a.length - b.length) > max) return max + 1;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? max + 1;
}

/** The known names nearest to a wrong one, within max(1, length / 3) edits; ties are all given. */
export function nearestNames(name: string, known: Iterable<string>): readonly string[] {
  const max = Math.max(1, Math.floor(name.length / 3));
  let best = max;
  let names: string[] = [];
  for (const candidate of known) {
    const edits = distance(name, candidate, best);
    if (edits > best || edits === 0) continue;
    if (edits < best) names = [];
    best = edits;
    names.push(candidate);
  }
  return names;
}

/** `did you mean download?`, or undefined where nothing is near. */
export function guess(name: string, known: Iterable<string>): string | undefined {
  const names = nearestNames(name, known);
  return names.length === 0 ? undefined : `did you mean ${names.slice(0, 3).join(" or ")}?`;
}
