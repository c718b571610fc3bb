// References: how people name a run, a task in it, and an attempt of that.
import { AppError, parseRunName, uuidFromId } from "@capstan/proto";

/** What the run part of a reference is. `last` and friends are resolved by asking for the list of runs. */
export type RunReference =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "id"; readonly id: string }
  | { readonly kind: "prefix"; readonly prefix: string }
  | { readonly kind: "last"; readonly which: "last" | "last-failed" | "prev" };

/** `RUN[/TASK[.INDEX]][@ATTEMPT]`, taken apart. */
export interface Reference {
  readonly run: RunReference;
  readonly task?: string;
  readonly attempt?: number;
  /** The project that a console address names; absent where the reference names none. */
  readonly project?: string;
}

const shape = /^(@?[^/@]+)(?:\/([^/@]+))?(?:@([1-9]\d{0,5}))?$/;
const taskShape = /^[a-zA-Z][a-zA-Z0-9_.]{0,200}$/;

function parseRun(text: string): RunReference {
  if (text === "@last" || text === "@last-failed" || text === "@prev")
    return { kind: "last", which: text === "@last" ? "last" : text === "@prev" ? "prev" : "last-failed" };
  if (parseRunName(text) !== undefined) return { kind: "name", name: text };
  if (uuidFromId("run", text) !== undefined) return { kind: "id", id: text };
  if (/^run_[0-9a-hjkmnp-tv-z]{1,25}$/.test(text)) return { kind: "prefix", prefix: text };
  if (/^[0-9a-hjkmnp-tv-z]{4,26}$/.test(text)) return { kind: "prefix", prefix: `run_${text}` };
  throw new AppError(
    "reference_unclear",
    `${text} names no run: it is neither a name such as hello-42, nor an id, nor @last`,
  );
}

/** The path of a console address, as reference text. */
function fromUrl(text: string): { path: string; project?: string } {
  const match = /^(?:\/p\/([a-z][a-z0-9_-]*))?\/runs\/([^/]+)(?:\/([^/]+))?\/?$/.exec(new URL(text).pathname);
  if (match?.[2] === undefined) throw new AppError("reference_unclear", `${text} is no address of a run`);
  const path = decodeURIComponent(match[2]) + (match[3] === undefined ? "" : `/${decodeURIComponent(match[3])}`);
  return match[1] === undefined ? { path } : { path, project: match[1] };
}

/**
 * Reads a reference: `hello-42`, `hello-42/train.1@2`, an id, a prefix of one (4 characters or more), a console address, `@last`.
 * @throws reference_unclear
 */
export function parseReference(text: string): Reference {
  const address = /^https?:\/\//.test(text) ? fromUrl(text) : { path: text };
  const match = shape.exec(address.path);
  if (match?.[1] === undefined)
    throw new AppError("reference_unclear", `${text} is no reference: RUN[/TASK[.INDEX]][@ATTEMPT]`);
  const [, run, task, attempt] = match;
  if (task !== undefined && !taskShape.test(task))
    throw new AppError("reference_unclear", `${task} is no task: a name, or a name and an index such as train.1`);
  return {
    run: parseRun(run),
    ...(task === undefined ? {} : { task }),
    ...(attempt === undefined ? {} : { attempt: Number(attempt) }),
    ...("project" in address && address.project !== undefined ? { project: address.project } : {}),
  };
}
