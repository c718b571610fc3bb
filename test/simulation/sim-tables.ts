// The tables that matter, and the database's clocks.
import type { JsonObject } from "@capstan/proto";
import type { ClockSample } from "../../control-plane/src/dispatch/database-clock.ts";
import type { Lane } from "../../control-plane/src/dispatch/sessions.ts";
import type { Plan } from "../../control-plane/src/engine/plan.ts";
import type {
  StoredAttempt,
  StoredGroup,
  StoredHold,
  StoredLive,
  StoredQueue,
  StoredRun,
  StoredSession,
  StoredTimer,
} from "./rows.ts";
import type { World } from "./world.ts";

export interface DatabaseOptions {
  /** Rate of the database's clock against true time. */
  readonly rate: number;
  /** Margin after a lease; 0 in unmasked seeds. */
  readonly marginMs: (leaseMs: number) => number;
}

/** A custom event; `told` once those that waited for it have their rows. */
export interface StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly seq: number;
  readonly receivedMs: number;
  readonly body: JsonObject;
  told: boolean;
}

const epochMs = 1_750_000_000_000;

export class SimTables {
  readonly runs = new Map<string, StoredRun>();
  readonly live = new Map<string, StoredLive>();
  readonly attempts = new Map<string, StoredAttempt>();
  readonly queue = new Map<string, StoredQueue>();
  readonly timers = new Map<string, StoredTimer>();
  readonly lanes = new Map<string, Lane>();
  readonly sessions = new Map<string, StoredSession>();
  readonly keys = new Map<string, { requestSha256: string; runId: string }>();
  readonly workflows = new Map<string, number>();
  readonly plans = new Map<string, Plan>();
  /** Limits of the project by name. */
  readonly limits = new Map<string, { readonly capacity: number; readonly perMs: number | undefined }>();
  /** By attempt and limit. */
  readonly holds = new Map<string, StoredHold>();
  /** Concurrency groups, by run. */
  readonly groups = new Map<string, StoredGroup>();
  readonly events: StoredEvent[] = [];
  /** Variables of the project by name. */
  readonly variables = new Map<string, string>();
  /** Told of every change that may give a loop something to find. */
  onChange: () => void = () => undefined;
  readonly world: World;
  readonly options: DatabaseOptions;
  private down = false;
  private jumpMs = 0;
  private countedMs = 0;
  private tickedMs: number;

  constructor(world: World, options: DatabaseOptions) {
    this.world = world;
    this.options = options;
    this.tickedMs = this.nowMs();
  }

  get isDown(): boolean {
    return this.down;
  }

  set isDown(isDown: boolean) {
    this.down = isDown;
    this.onChange();
  }

  /** clock_timestamp() in Unix ms. */
  nowMs(): number {
    return epochMs + Math.floor(this.world.nowMs * this.options.rate) + this.jumpMs;
  }

  /** Somebody sets the database's clock. */
  setClock(byMs: number): void {
    this.jumpMs += Math.floor(byMs);
    this.onChange();
  }

  /** tick.sql */
  tick(): ClockSample {
    this.countedMs = this.leaseNow();
    this.tickedMs = this.nowMs();
    return { databaseMs: this.tickedMs, countedMs: this.countedMs, incarnation: 1 };
  }

  leaseNow(): number {
    return this.countedMs + Math.max(0, Math.min(2000, this.nowMs() - this.tickedMs));
  }

  /** When a live attempt's lease and margin are over, in counted time. */
  leaseEndMs(one: StoredLive): number {
    const renewedMs = this.sessions.get(one.agentId)?.renewedMs ?? Number.POSITIVE_INFINITY;
    return renewedMs + one.leaseMs + this.options.marginMs(one.leaseMs);
  }
}
