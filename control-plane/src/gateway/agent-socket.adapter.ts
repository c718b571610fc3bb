// The agents' socket before it is one: Host, path, Origin, sub-protocol and assertion are checked on the upgrade request, so
// that nothing unproved ever holds a WebSocket. Nest's own adapter would answer every upgrade and parse every message.
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { AbstractWsAdapter } from "@nestjs/websockets";
import { WebSocketServer } from "ws";
import { agentPaths, agentSubprotocol, AppError, frameBytesMax } from "@capstan/proto";
import type { AgentAdmission } from "../agent/agent-admission.ts";
import { checkHost, type Origins } from "../auth/origin.ts";

const helloPerSecond = 200;
/** Upgrades of one agent a minute; more is a loop. */
const perAgentMinute = 60;

export class AgentSocketAdapter extends AbstractWsAdapter {
  private readonly http: Server;
  private readonly admission: AgentAdmission;
  private readonly origins: Origins;
  private readonly agents = new Map<string, number>();
  private second = 0;
  private inSecond = 0;
  private minute = 0;

  constructor(http: Server, admission: AgentAdmission, origins: Origins) {
    super(http);
    this.http = http;
    this.admission = admission;
    this.origins = origins;
  }

  override create(): WebSocketServer {
    const server = new WebSocketServer({
      noServer: true,
      maxPayload: frameBytesMax,
      perMessageDeflate: false,
      handleProtocols: () => agentSubprotocol,
    });
    this.http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on("error", () => socket.destroy());
      this.upgrade(server, request, socket, head).catch((error: unknown) =>
        refuse(socket, statusOf(error), codeOf(error)),
      );
    });
    return server;
  }

  override bindMessageHandlers(): void {
    // Frames are read by the session.
  }

  private async upgrade(
    server: WebSocketServer,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    checkHost(request, this.origins);
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    if (path !== agentPaths.socket) return refuse(socket, 404, "not_found");
    if (request.headers.origin !== undefined) return refuse(socket, 403, "origin_refused");
    const protocols = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
    if (!protocols.includes(agentSubprotocol)) return refuse(socket, 400, "protocol_unsupported");
    if (!this.mayTry()) return refuse(socket, 429, "rate_limited");
    const agent = await this.admission.admit({ authorization: request.headers.authorization, method: "GET", path });
    if (agent.state === "pending") return refuse(socket, 403, "agent_pending");
    if (agent.state === "suspended") return refuse(socket, 403, "agent_suspended");
    const tries = (this.agents.get(agent.agentId) ?? 0) + 1;
    this.agents.set(agent.agentId, tries);
    if (tries > perAgentMinute) return refuse(socket, 429, "rate_limited");
    if (socket.destroyed) return;
    server.handleUpgrade(request, socket, head, (client) => server.emit("connection", client, request, agent));
  }

  private mayTry(): boolean {
    const nowMs = performance.now();
    const minute = Math.floor(nowMs / 60_000);
    if (minute !== this.minute) {
      this.minute = minute;
      this.agents.clear();
    }
    const second = Math.floor(nowMs / 1000);
    if (second !== this.second) {
      this.second = second;
      this.inSecond = 0;
    }
    return ++this.inSecond <= helloPerSecond;
  }
}

const statusOf = (error: unknown): number => (error instanceof AppError ? error.status : 503);
const codeOf = (error: unknown): string => (error instanceof AppError ? error.code : "unavailable");
const texts: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  421: "Misdirected Request",
  429: "Too Many Requests",
  503: "Service Unavailable",
};

function refuse(socket: Duplex, status: number, code: string): void {
  const body = JSON.stringify({ type: `urn:capstan:error:${code}`, title: texts[status] ?? "Refused", status, code });
  const retry = status === 429 || status === 503 ? "Retry-After: 1\r\n" : "";
  socket.end(
    `HTTP/1.1 ${status} ${texts[status] ?? "Refused"}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
      `${retry}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
