// What differs between two texts, line by line, with a little of what is around.
export interface DiffLine {
  readonly mark: "+" | "-" | " " | "@";
  readonly text: string;
}

const context = 2;
/** Beyond this many pairs of lines the search for what is common is not worth its time. */
const pairsMax = 4_000_000;

/** Lines in order: taken away, added, and up to two unchanged ones around; `@` stands for those left out. Empty where the texts are equal. */
export function lineDiff(before: string, after: string): DiffLine[] {
  const all = wholeDiff(before.trimEnd().split("\n"), after.trimEnd().split("\n"));
  const near = all.map((_, i) => all.slice(Math.max(0, i - context), i + context + 1).some(({ mark }) => mark !== " "));
  const shown: DiffLine[] = [];
  for (const [i, line] of all.entries()) {
    if (near[i] === true) shown.push(line);
    else if (shown.at(-1)?.mark !== "@") shown.push({ mark: "@", text: "" });
  }
  return shown.some(({ mark }) => mark === "+" || mark === "-") ? shown : [];
}

function wholeDiff(before: readonly string[], after: readonly string[]): DiffLine[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let tail = 0;
  while (
    tail < before.length - start &&
    tail < after.length - start &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  )
    tail++;
  const same = (text: string): DiffLine => ({ mark: " ", text });
  return [
    ...before.slice(0, start).map(same),
    ...middleDiff(before.slice(start, before.length - tail), after.slice(start, after.length - tail)),
    ...before.slice(before.length - tail).map(same),
  ];
}

/** By the longest common subsequence. */
function middleDiff(before: readonly string[], after: readonly string[]): DiffLine[] {
  const gone = before.map((text): DiffLine => ({ mark: "-", text }));
  const come = after.map((text): DiffLine => ({ mark: "+", text }));
  if (before.length * after.length > pairsMax) return [...gone, ...come];
  const width = after.length + 1;
  const longest = new Uint32Array((before.length + 1) * width);
  const at = (i: number, j: number): number => longest[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--)
      longest[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const [old, fresh] = [gone[i], come[j]];
    if (old !== undefined && fresh !== undefined && old.text === fresh.text) {
      lines.push({ mark: " ", text: old.text });
      i++;
      j++;
    } else if (old !== undefined && (fresh === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(old);
      i++;
    } else if (fresh !== undefined) {
      lines.push(fresh);
      j++;
    }
  }
  return lines;
}
