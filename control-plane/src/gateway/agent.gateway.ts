// Enter and leave: one session for each socket that was let in, and the ticks that watch over all of them.
import { isDeepStrictEqual } from "node:util";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { Inject, type OnModuleDestroy } from "@nestjs/common";
import { WebSocketGateway } from "@nestjs/websockets";
import type { WebSocket } from "ws";
import { closeCodes } from "@capstan/proto";
import type { AgentStore } from "../agent/agent.store.ts";
import type { AgentIdentity } from "./agent-identity.ts";
import { handleFrame } from "./route.ts";
import { AgentSession } from "./session.ts";
import type { Link, SessionServices, SessionSettings } from "./services.ts";

export const GATEWAY_PARTS = Symbol("GatewayParts");

export interface GatewayParts {
  readonly services: SessionServices;
  readonly settings: SessionSettings;
  readonly store: Pick<AgentStore, "states" | "moveState">;
}

const tickMs = 1000;
/** How soon a drain, a suspension or a revocation of another replica is seen here. */
const statesMs = 2000;

@WebSocketGateway()
export class AgentGateway implements OnModuleDestroy {
  private readonly parts: GatewayParts;
  private readonly sessions = new Set<AgentSession>();
  private readonly ticks: NodeJS.Timeout;
  private readonly polls: NodeJS.Timeout;
  private polling = false;

  constructor(@Inject(GATEWAY_PARTS) parts: GatewayParts) {
    this.parts = parts;
    this.ticks = setInterval(() => {
      for (const session of this.sessions) session.tick();
    }, tickMs);
    this.polls = setInterval(() => void this.readStates(), statesMs);
    this.ticks.unref();
    this.polls.unref();
  }

  handleConnection(socket: WebSocket, request: IncomingMessage, identity: AgentIdentity): void {
    const session = new AgentSession(
      identity,
      linkOf(socket, request.socket),
      this.parts.services,
      this.parts.settings,
      handleFrame,
    );
    this.sessions.add(session);
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      try {
        if (isBinary) session.onBinary(data);
        else session.onText(data.toString("utf8"));
      } catch (error) {
        this.parts.services.log.error(
          { component: "gateway", agent: identity.name, err: error },
          "a frame could not be handled",
        );
        session.close(closeCodes.internal, "internal");
      }
    });
    socket.on("error", () => socket.terminate());
    socket.on("close", () => {
      this.sessions.delete(session);
      session.onClosed();
    });
  }

  /** Brings sessions in line with their agents' rows. */
  async readStates(): Promise<void> {
    if (this.polling || this.sessions.size === 0) return;
    this.polling = true;
    try {
      const byAgent = new Map([...this.sessions].map((session) => [session.agentId, session]));
      for (const row of await this.parts.store.states([...byAgent.keys()])) {
        const session = byAgent.get(row.agentId);
        if (session === undefined) continue;
        if (row.state === "revoked") session.close(closeCodes.revoked, "revoked");
        else if (row.state === "suspended") session.close(closeCodes.suspended, "suspended");
        else if (row.state === "draining" && row.idle) {
          await this.parts.store.moveState(row.projectId, row.agentId, { from: ["draining"], to: "drained" });
        }
        // Its place among agents is made from all its labels, which it says itself: it says them again.
        else if (session.phase === "live" && !isDeepStrictEqual(session.placed.pinned, row.pinned))
          session.close(closeCodes.restart, "labels changed");
        if (session.state !== row.state) {
          session.state = row.state;
          if (row.state === "active") this.parts.services.registry.grew();
        }
      }
    } catch (error) {
      this.parts.services.log.warn({ component: "gateway", err: error }, "agent states not read");
    } finally {
      this.polling = false;
    }
  }

  onModuleDestroy(): void {
    this.stop();
  }

  /** Asks all agents to move to another replica and closes their sockets. */
  stop(): void {
    clearInterval(this.ticks);
    clearInterval(this.polls);
    for (const session of this.sessions) session.close(closeCodes.restart, "the server stops");
  }
}

/** @param wire what the WebSocket writes to */
function linkOf(socket: WebSocket, wire: Socket): Link {
  let isGathering = false;
  return {
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    // What one commit causes (offers, then answers) is one write, and one wake-up of the agent.
    send: (text) => {
      if (!isGathering) {
        isGathering = true;
        wire.cork();
        process.nextTick(() => {
          isGathering = false;
          wire.uncork();
        });
      }
      socket.send(text);
    },
    close: (code, reason) => {
      // A reason has at most 123 bytes.
      socket.close(code, reason.slice(0, 100));
      setTimeout(() => socket.terminate(), 5000).unref();
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  };
}
