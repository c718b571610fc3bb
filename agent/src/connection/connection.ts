// One socket to the control plane, from the upgrade to its close. Knows frames, not what they mean.
//  C1. Control frames go at once; a data frame only while less than 256 KiB is buffered, one at a time.
//  C2. An id that is not the next one breaks the connection: a frame was lost or doubled, and TCP does neither.
import WebSocket from "ws";
import {
  agentSubprotocol,
  closeCodes,
  decodeFrame,
  encodeFrame,
  frameBytesMax,
  type AgentFrame,
  type AgentFrameType,
  type AgentBody,
  type ControlFrame,
} from "@capstan/proto";

const bufferedBytesMax = 256 * 1024;
const handshakeMs = 10_000;

export interface ConnectionHandlers {
  readonly onOpen: () => void;
  readonly onFrame: (frame: ControlFrame) => void;
  readonly onClose: (end: ConnectionEnd) => void;
}

export interface ConnectionEnd {
  readonly code: number;
  readonly reason: string;
  /** Status of a refused upgrade, with its error code and `Retry-After`. */
  readonly status?: number;
  readonly refusal?: string;
  readonly retryAfterMs?: number;
}

export class Connection {
  readonly #socket: WebSocket;
  readonly #handlers: ConnectionHandlers;
  #sent = 0;
  #received = 0;
  #heardMs = performance.now();
  #isClosed = false;
  #refused: Partial<ConnectionEnd> = {};
  #malformed = 0;

  constructor(url: string, assertion: string, handlers: ConnectionHandlers) {
    this.#handlers = handlers;
    this.#socket = new WebSocket(url, agentSubprotocol, {
      headers: { authorization: `Bearer ${assertion}` },
      perMessageDeflate: false,
      maxPayload: frameBytesMax,
      handshakeTimeout: handshakeMs,
      followRedirects: false,
    });
    this.#socket.binaryType = "nodebuffer";
    this.#socket.on("open", () => handlers.onOpen());
    this.#socket.on("message", (data: Buffer, isBinary: boolean) => this.#onMessage(data, isBinary));
    this.#socket.on("unexpected-response", (request, response) => {
      const retryAfter = Number(response.headers["retry-after"]);
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => {
        if (chunks.length < 16) chunks.push(chunk);
      });
      response.on("end", () => {
        this.#refused = {
          status: response.statusCode ?? 0,
          refusal: codeOf(Buffer.concat(chunks).toString()),
          ...(Number.isFinite(retryAfter) ? { retryAfterMs: retryAfter * 1000 } : {}),
        };
        request.destroy();
        this.#end(closeCodes.tryLater, `upgrade refused with status ${response.statusCode ?? 0}`);
      });
    });
    this.#socket.on("error", (error) => this.#end(1006, error.message));
    this.#socket.on("close", (code, reason) => this.#end(code, reason.toString()));
  }

  /** Milliseconds since anything was heard. */
  get silentMs(): number {
    return performance.now() - this.#heardMs;
  }

  send<T extends AgentFrameType>(t: T, b: AgentBody<T>, re?: number): void {
    if (this.#isClosed) return;
    // T and its body belong together by the signature; the union of all frames cannot be narrowed by a type parameter.
    const frame = { t, id: ++this.#sent, ...(re === undefined ? {} : { re }), b } as unknown as AgentFrame;
    this.#socket.send(encodeFrame(frame));
  }

  /** Hands over one binary frame; false where too much is buffered already, or the connection is gone. */
  sendData(frame: Uint8Array, written: () => void): boolean {
    if (this.#isClosed || this.#socket.bufferedAmount >= bufferedBytesMax) return false;
    this.#socket.send(frame, { binary: true }, () => {
      if (!this.#isClosed) written();
    });
    return true;
  }

  close(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#socket.close(code, reason.slice(0, 100));
    // A peer that does not answer the close must not keep us.
    setTimeout(() => this.#socket.terminate(), 2000).unref();
    this.#end(code, reason);
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#isClosed) return;
    this.#heardMs = performance.now();
    if (isBinary) return this.close(closeCodes.protocolError, "binary frame from the control plane");
    const decoded = decodeFrame(data.toString("utf8"), "control");
    if (decoded.kind === "broken") return this.close(closeCodes.protocolError, decoded.detail);
    const id = decoded.kind === "frame" ? decoded.frame.id : decoded.id;
    if (id !== ++this.#received)
      return this.close(closeCodes.protocolError, `frame ${id} where ${this.#received} was due`);
    switch (decoded.kind) {
      case "unsupported":
        this.send("error", { code: "unsupported", message: `unknown frame ${decoded.t}` }, id);
        return;
      case "malformed":
        this.send(
          "error",
          { code: "malformed", message: decoded.detail.slice(0, 500), path: decoded.path.slice(0, 500) },
          id,
        );
        if (++this.#malformed >= 10) this.close(closeCodes.protocolError, "ten malformed frames");
        return;
      case "frame":
        this.#handlers.onFrame(decoded.frame);
    }
  }

  #end(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#socket.readyState !== WebSocket.CLOSED && code === closeCodes.tryLater) this.#socket.terminate();
    this.#handlers.onClose({ code, reason, ...this.#refused });
  }
}

function codeOf(body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null && "code" in value && typeof value.code === "string")
      return value.code;
  } catch {
    // A proxy's page, not ours.
  }
  return "";
}
