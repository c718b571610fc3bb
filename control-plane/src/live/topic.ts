import { AppError, liveTopicPattern, liveTopicsMax, parseRunName, runName, uuidFromId } from "@capstan/proto";
import type { LoggedEvents } from "./event-log.ts";
import type { TypedFrame } from "./frames.ts";

export interface Topics {
  /** Runs by UUID or by name. */
  readonly runs: ReadonlySet<string>;
  readonly workflows: ReadonlySet<string>;
  readonly allRuns: boolean;
  readonly agents: boolean;
  readonly queue: boolean;
}

/** @throws malformed */
export function parseTopics(text: string): Topics {
  const topics = text.split(",");
  if (topics.length > liveTopicsMax)
    throw new AppError("malformed", `at most ${liveTopicsMax} topics, got ${topics.length}`);
  const runs = new Set<string>();
  const workflows = new Set<string>();
  for (const topic of topics) {
    if (!liveTopicPattern.test(topic))
      throw new AppError("malformed", `${topic} is not a topic: run:R, workflow:W, runs, agents or queue`);
    const [kind, name = ""] = topic.split(":");
    if (kind === "workflow") workflows.add(name);
    if (kind !== "run") continue;
    const uuid = uuidFromId("run", name);
    if (uuid === undefined && parseRunName(name) === undefined)
      throw new AppError("malformed", `${name} is neither a run's id nor its name`);
    runs.add(uuid ?? name);
  }
  return {
    runs,
    workflows,
    allRuns: topics.includes("runs"),
    agents: topics.includes("agents"),
    queue: topics.includes("queue"),
  };
}

/** Lists of runs want to know of runs; whoever looks at one run wants everything of it. */
export function wants(topics: Topics, events: LoggedEvents, frame: TypedFrame): boolean {
  if (topics.runs.has(events.runId) || topics.runs.has(runName(events.workflow, events.number))) return true;
  return frame.type === "run" && (topics.allRuns || topics.workflows.has(events.workflow));
}
