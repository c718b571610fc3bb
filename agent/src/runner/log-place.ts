// Where the log of an attempt goes: into the spool, from which it is sent, or into the store, from which it never is.
import type { RunnerCommand, RunnerReport } from "@capstan/proto";
import { keptLogBytesMax, keptLogsFolder } from "../workspace/local-store.ts";
import type { AttemptLogOptions } from "./attempt-log.ts";

interface Places {
  readonly take: Pick<Extract<RunnerCommand, { t: "take" }>, "offer" | "store">;
  readonly folders: { readonly spool: string };
  readonly report: (report: RunnerReport) => void;
}

/** One that stays here is bounded by itself: nobody fetches it, so nobody frees its spool. */
export function logPlace(
  { take, folders, report }: Places,
  isKept: boolean,
  onFull: "block" | "drop",
): Pick<AttemptLogOptions, "folder" | "onFull" | "onLogged" | "spoolBytesMax"> {
  const { attempt, epoch } = take.offer;
  if (isKept && take.store !== undefined) {
    const spoolBytesMax = keptLogBytesMax;
    return { folder: keptLogsFolder(take.store), onFull: "drop", onLogged: () => undefined, spoolBytesMax };
  }
  const onLogged = (bytes: number): void => report({ t: "logged", attempt, epoch, bytes });
  return { folder: folders.spool, onFull, onLogged };
}
