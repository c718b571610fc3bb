// How many runs a project may start, and how much may wait. Per replica, and nothing is asked of the database while a
// start waits: the queue is measured beside it, so a full queue may be passed by what two seconds can start.
import { AppError } from "@capstan/proto";
import { TokenBuckets, type RateHeaders } from "../http/token-bucket.ts";
import { isUnlimited, type Principal, type ProjectScope } from "../http/request-context.ts";

export interface StartLimitsOptions {
  /** Per project; 0: no limit. */
  readonly startsPerSecond: number;
  /** Queued task runs of a project; 0: no limit. */
  readonly queuedMax: number;
  /** Queued task runs of a project, counted up to `max`. */
  readonly countQueued: (projectId: string, max: number) => Promise<number>;
  readonly nowMs?: () => number;
}

interface Measured {
  count: number;
  atMs: number;
  asking: boolean;
}

const burstSeconds = 10;
const measuredForMs = 2_000;

export class StartLimits {
  private readonly options: StartLimitsOptions;
  private readonly nowMs: () => number;
  private readonly buckets: TokenBuckets;
  private readonly queued = new Map<string, Measured>();

  constructor(options: StartLimitsOptions) {
    this.options = options;
    this.nowMs = options.nowMs ?? ((): number => performance.now());
    this.buckets = new TokenBuckets(
      {
        name: "starts",
        perSecond: options.startsPerSecond,
        burst: options.startsPerSecond * burstSeconds,
        what: "runs started in one project",
      },
      this.nowMs,
    );
  }

  /** @throws rate_limited queue_full */
  admit(project: ProjectScope, principal: Principal, runs: number, tell: (headers: RateHeaders) => void): void {
    this.checkQueue(project);
    if (!isUnlimited(principal)) this.buckets.take(project.id, runs, tell);
  }

  /** For starts that nobody signed in asks for. @throws queue_full */
  checkQueue(project: Pick<ProjectScope, "id" | "name">): void {
    const max = this.options.queuedMax;
    if (max === 0) return;
    const known = this.queued.get(project.id);
    if (known === undefined || (!known.asking && this.nowMs() - known.atMs > measuredForMs)) this.measure(project.id);
    if (known !== undefined && known.count >= max) {
      throw new AppError(
        "queue_full",
        `Project ${project.name} has ${max} or more task runs waiting for an agent; no more runs are taken until some have started.`,
        { retryAfterMs: 5_000, evidence: { queued: known.count, max } },
      );
    }
  }

  private measure(projectId: string): void {
    const entry = this.queued.get(projectId) ?? { count: 0, atMs: this.nowMs(), asking: true };
    entry.asking = true;
    this.queued.set(projectId, entry);
    const done = (): void => {
      entry.asking = false;
      entry.atMs = this.nowMs();
    };
    this.options.countQueued(projectId, this.options.queuedMax).then(
      (count) => {
        entry.count = count;
        done();
      },
      // A database that cannot be asked refuses the start itself; the last measure stands until it can.
      done,
    );
  }
}
