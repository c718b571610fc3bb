// What an explanation says of a run that changed something in its version: whoever looks for why it does what it does has to
// know that it is not quite the deployed one.
import type { Explanation } from "@capstan/proto";
import type { RunRecord } from "../run/run.store.ts";

/** The explanation of a run, or of a task that its run has changed, with what was changed; any other as it is. */
export function withChanges<T extends Explanation>(
  explanation: T,
  { overrides, version }: Pick<RunRecord, "overrides" | "version">,
): T {
  const { task } = explanation;
  const changed = Object.entries(overrides?.set ?? {}).filter(
    ([pointer]) => task === null || pointer.startsWith(`/tasks/${task.split(".", 1)[0] ?? task}/`),
  );
  if (changed.length === 0) return explanation;
  const said = changed.map(([pointer, value]) => `${pointer} = ${shortValue(value)}`).join(", ");
  return {
    ...explanation,
    detail: `${explanation.detail} Its request changed version ${version ?? 0}: ${said}.`,
    evidence: { ...explanation.evidence, overrides: Object.fromEntries(changed) },
  };
}

const shownMax = 60;

function shortValue(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > shownMax ? `${text.slice(0, shownMax)}…` : text;
}
