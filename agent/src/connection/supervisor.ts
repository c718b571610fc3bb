// Keeps one connection: connects, waits, connects again, and knows what each ending means (docs/protocol.md, "Transport
// and close codes").
//  S1. At most one connection is current; frames of any other go nowhere.
//  S2. An ending is retried, retried late, or final; nothing else decides that.
import { agentPaths, closeCodes, type ControlFrame } from "@capstan/proto";
import { signAssertion } from "../enrol/credential.ts";
import { fetchNonce } from "../enrol/enrol.ts";
import type { Identity } from "../enrol/identity.ts";
import { reconnectDelayMs } from "./backoff.ts";
import { Connection, type ConnectionEnd } from "./connection.ts";

type Phase =
  | { readonly kind: "stopped" }
  | { readonly kind: "waiting"; readonly timer: NodeJS.Timeout }
  | { readonly kind: "proving" }
  | { readonly kind: "connected"; readonly connection: Connection; readonly sinceMs: number };

export type Ending =
  | { readonly kind: "retry"; readonly afterMs: number | undefined }
  | { readonly kind: "final"; readonly exitCode: 75 | 78; readonly wipe: boolean; readonly reason: string };

/** What to do after a connection ended so. */
export function endingOf(end: ConnectionEnd): Ending {
  if (end.code === closeCodes.revoked || (end.status === 403 && end.refusal === "agent_revoked")) {
    return { kind: "final", exitCode: 78, wipe: true, reason: "the agent was revoked" };
  }
  if (end.code === closeCodes.superseded) {
    return { kind: "final", exitCode: 75, wipe: false, reason: "another process uses this identity" };
  }
  if (end.retryAfterMs !== undefined) return { kind: "retry", afterMs: end.retryAfterMs };
  switch (end.code) {
    case closeCodes.protocolError:
    case closeCodes.tooBig:
    case closeCodes.suspended:
    case closeCodes.identityConflict:
      return { kind: "retry", afterMs: 60_000 };
    case closeCodes.upgradeRequired:
      return { kind: "retry", afterMs: 600_000 };
    default:
      return { kind: "retry", afterMs: undefined };
  }
}

export interface SupervisorOptions {
  readonly server: string;
  readonly identity: Identity;
  readonly shortestLeaseMs: () => number | undefined;
  /** The socket is open: send hello. */
  readonly onOpen: (connection: Connection) => void;
  readonly onFrame: (frame: ControlFrame, connection: Connection) => void;
  readonly onLost: (reason: string, nextInMs: number) => void;
  readonly onFinal: (ending: Extract<Ending, { kind: "final" }>) => void;
}

const liveLongMs = 60_000;

export class Supervisor {
  readonly #options: SupervisorOptions;
  #phase: Phase = { kind: "stopped" };
  #failures = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  get connection(): Connection | undefined {
    return this.#phase.kind === "connected" ? this.#phase.connection : undefined;
  }

  start(): void {
    void this.#connect();
  }

  /** Ends the current connection and opens a new one after the wait given, or after a jittered one. */
  reconnect(reason: string, afterMs?: number): void {
    if (this.#phase.kind !== "connected") return;
    const { connection } = this.#phase;
    this.#retry(reason, afterMs);
    connection.close(closeCodes.normal, reason);
  }

  stop(): void {
    const phase = this.#phase;
    this.#phase = { kind: "stopped" };
    if (phase.kind === "waiting") clearTimeout(phase.timer);
    if (phase.kind === "connected") phase.connection.close(closeCodes.normal, "agent stops");
  }

  async #connect(): Promise<void> {
    const proving: Phase = { kind: "proving" };
    this.#phase = proving;
    const { server, identity } = this.#options;
    let assertion: string;
    try {
      const nonce = await fetchNonce(server);
      assertion = await signAssertion(identity.key, {
        agent: identity.agent,
        audience: server + agentPaths.socket,
        method: "GET",
        nonce: nonce.nonce,
        serverTimeMs: nonce.timeMs,
      });
    } catch (error) {
      if (this.#phase === proving) this.#retry(error instanceof Error ? error.message : String(error), undefined);
      return;
    }
    if (this.#phase !== proving) return;
    const connection = new Connection(server.replace(/^http/, "ws") + agentPaths.socket, assertion, {
      onOpen: () => {
        if (this.connection === connection) this.#options.onOpen(connection);
      },
      onFrame: (frame) => {
        if (this.connection === connection) this.#options.onFrame(frame, connection);
      },
      onClose: (end) => {
        if (this.connection === connection) this.#onClose(end);
      },
    });
    this.#phase = { kind: "connected", connection, sinceMs: performance.now() };
  }

  #onClose(end: ConnectionEnd): void {
    const ending = endingOf(end);
    if (ending.kind === "final") {
      this.#phase = { kind: "stopped" };
      this.#options.onFinal(ending);
      return;
    }
    this.#retry(`${end.code} ${end.reason}`, ending.afterMs);
  }

  #retry(reason: string, afterMs: number | undefined): void {
    if (this.#phase.kind === "connected" && performance.now() - this.#phase.sinceMs > liveLongMs) this.#failures = 0;
    this.#failures++;
    const delay = afterMs ?? reconnectDelayMs(this.#failures, this.#options.shortestLeaseMs(), Math.random());
    this.#phase = { kind: "waiting", timer: setTimeout(() => void this.#connect(), delay) };
    this.#options.onLost(reason, delay);
  }
}
