// A control plane for tests of the agent: speaks the real protocol on a loopback port, checks what it is told, remembers
// it, and can be told to misbehave. No database, no engine.
import { createHash, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { crc32, gunzipSync } from "node:zlib";
import { calculateJwkThumbprint, decodeJwt, importJWK, jwtVerify } from "jose";
import { WebSocketServer, type WebSocket } from "ws";
import {
  agentPaths,
  agentSubprotocol,
  assertionType,
  decodeFrame,
  decodeLogFrame,
  digestOf,
  encodeFrame,
  enrolAnswerMacText,
  enrolKeyInfo,
  enrolMacText,
  enrolProofSchema,
  enrolProofType,
  enrolRequestSchema,
  formatJoinToken,
  idFromUuid,
  protocolRange,
  uuidV7,
  type AgentFrame,
  type AttemptId,
  type CanonicalWorkflow,
  type ControlBody,
  type ControlFrame,
  type ControlFrameType,
  type EnrolAnswer,
  type FinishItem,
  type OfferedAttempt,
  type PublicJwk,
  type ReportItem,
  type Verdict,
} from "@capstan/proto";

const newId = <P extends "ag" | "att" | "jt" | "run" | "tr">(prefix: P) =>
  idFromUuid(prefix, uuidV7(Date.now(), randomBytes(10)));

export interface FakeSession {
  readonly socket: WebSocket;
  readonly number: number;
  heartbeat: number;
  seq: number;
  isReady: boolean;
}

export class FakeControlPlane {
  readonly received: AgentFrame[] = [];
  readonly items: ReportItem[] = [];
  readonly logs = new Map<string, Buffer[]>();
  readonly completeLogs = new Set<string>();
  /** `METHOD path` of each request. */
  readonly requests: string[] = [];
  readonly connectNos: number[] = [];
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #documents = new Map<string, CanonicalWorkflow>();
  readonly #joinToken = { id: newId("jt"), secret: randomBytes(20).toString("hex") };
  readonly #nonces = new Set<string>();
  readonly #acked = new Map<string, FinishItem>();
  readonly #epochs = new Map<string, number>();
  #agentKey: PublicJwk | undefined;
  #sent = 0;
  session: FakeSession | undefined;
  /** Set to false to leave reports without an answer. */
  acknowledgesReports = true;
  /** Set to true to refuse reports for the moment, as without a database. */
  refusesReports = false;
  /** Set to false to leave heartbeats without an answer. */
  acknowledgesHeartbeats = true;
  /** Answers so many log segments with a nack back to what is committed. */
  refuseSegments = 0;
  heartbeatMs = 1000;
  readonly abandoned = new Set<string>();

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.statusCode = 500;
        response.end(JSON.stringify({ code: "internal", detail: String(error) }));
      });
    });
    this.#sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
    this.#server.on("upgrade", (request, socket, head) => {
      void this.#isAgent(request, agentPaths.socket).then((isAgent) => {
        if (!isAgent || request.headers["sec-websocket-protocol"] !== agentSubprotocol) {
          socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
          return;
        }
        this.#sockets.handleUpgrade(request, socket, head, (peer) => this.#onSocket(peer));
      });
    });
  }

  static async start(): Promise<FakeControlPlane> {
    const fake = new FakeControlPlane();
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`; // it listens on TCP
  }
  get joinToken(): string {
    return formatJoinToken(this.#joinToken);
  }

  /** Bytes of an attempt's canonical stream that have arrived. */
  logOf(attempt: string): Buffer {
    return Buffer.concat(this.logs.get(attempt) ?? []);
  }
  finishOf(attempt: string): FinishItem | undefined {
    return this.#acked.get(attempt);
  }
  itemsOf(attempt: string): ReportItem[] {
    return this.items.filter((item) => item.attempt === attempt);
  }

  addDocument(document: CanonicalWorkflow): string {
    const digest = digestOf(document);
    this.#documents.set(digest, document);
    return digest;
  }

  /** Offers new attempts of one task in one frame; returns their ids. */
  offer(specDigest: string, task: string, more: Partial<OfferedAttempt> = {}, count = 1): AttemptId[] {
    const { session } = this;
    if (session === undefined) throw new Error("no session");
    const attempts = Array.from({ length: count }, (): OfferedAttempt => ({
      seq: ++session.seq,
      attempt: newId("att"),
      epoch: 1,
      taskRun: newId("tr"),
      run: newId("run"),
      runName: "test-1",
      project: "default",
      task,
      index: 0,
      number: 1,
      specDigest,
      inputs: {},
      leaseMs: 300_000,
      onLeaseEnd: "stop",
      graceMs: 10_000,
      isolation: "L0",
      secrets: [],
      traceparent: "",
      ...more,
    }));
    for (const { attempt, epoch } of attempts) this.#epochs.set(attempt, epoch);
    this.send("offer", { heartbeat: session.heartbeat, attempts });
    return attempts.map(({ attempt }) => attempt);
  }

  send<T extends ControlFrameType>(t: T, b: ControlBody<T>, re?: number): void {
    // T and its body belong together by the signature
    const frame = { t, id: ++this.#sent, ...(re === undefined ? {} : { re }), b } as unknown as ControlFrame;
    this.session?.socket.send(encodeFrame(frame));
  }

  /** Cuts the connection as a broken network would. */
  cut(): void {
    this.session?.socket.terminate();
    this.session = undefined;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "";
    this.requests.push(`${request.method} ${path}`);
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    if (path === agentPaths.nonce) {
      const nonce = randomBytes(24).toString("base64url");
      this.#nonces.add(nonce);
      return answer(200, { nonce, timeMs: Date.now(), incarnation: 0, protocol: protocolRange });
    }
    if (path === agentPaths.enrol) return this.#enrol(await bodyOf(request), answer);
    if (!(await this.#isAgent(request, path)))
      return answer(401, { code: "assertion_invalid", detail: "bad assertion" });
    const document = this.#documents.get(decodeURIComponent(path.slice(agentPaths.spec("").length)));
    if (document !== undefined) return answer(200, { digest: digestOf(document), document });
    answer(404, { code: "not_found", detail: path });
  }

  async #enrol(body: string, answer: (status: number, body: object) => void): Promise<void> {
    const request = enrolRequestSchema.parse(JSON.parse(body));
    const proof = enrolProofSchema.parse(decodeJwt(request.proof));
    await jwtVerify(request.proof, await importJWK({ ...proof.identity }, "EdDSA"), {
      algorithms: ["EdDSA"],
      typ: enrolProofType,
    });
    const key = Buffer.from(hkdfSync("sha256", this.#joinToken.secret, this.#joinToken.id, enrolKeyInfo, 32));
    const macOf = (text: string): string => createHmac("sha256", key).update(text).digest("base64url");
    const wanted = macOf(
      enrolMacText({
        identityThumbprint: await calculateJwkThumbprint({ ...proof.identity }),
        sealingThumbprint: await calculateJwkThumbprint({ ...proof.sealing }),
        nonce: proof.nonce,
        origin: this.url,
      }),
    );
    if (request.tokenId !== this.#joinToken.id || request.mac !== wanted || !this.#nonces.delete(proof.nonce)) {
      return answer(401, { code: "join_token_invalid", detail: "the join token is not valid" });
    }
    this.#agentKey = proof.identity;
    const rest: Omit<EnrolAnswer, "mac"> = {
      agent: newId("ag"),
      nonce: proof.nonce,
      project: "default",
      pool: "default",
      labels: {},
      state: "active",
      serverKeys: [],
      roots: [],
    };
    answer(200, { ...rest, mac: macOf(enrolAnswerMacText(rest)) });
  }

  async #isAgent(request: IncomingMessage, path: string): Promise<boolean> {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined || this.#agentKey === undefined) return false;
    try {
      const { payload } = await jwtVerify(token, await importJWK({ ...this.#agentKey }, "EdDSA"), {
        algorithms: ["EdDSA"],
        typ: assertionType,
        audience: this.url + path,
      });
      const { nonce, htm } = payload;
      return typeof nonce === "string" && this.#nonces.delete(nonce) && htm === (request.method ?? "GET");
    } catch {
      return false;
    }
  }

  #onSocket(socket: WebSocket): void {
    let received = 0;
    socket.on("error", () => undefined);
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      if (isBinary) return this.#onLog(data);
      const decoded = decodeFrame(data.toString(), "agent");
      if (decoded.kind !== "frame" || decoded.refused.length > 0)
        throw new Error(`bad frame: ${JSON.stringify(decoded)} ${data.toString().slice(0, 500)}`);
      if (decoded.frame.id !== ++received) throw new Error("frame out of order");
      this.#onFrame(decoded.frame, socket);
    });
  }

  #onFrame(frame: AgentFrame, socket: WebSocket): void {
    this.received.push(frame);
    if (frame.t === "hello") {
      this.#sent = 0;
      this.connectNos.push(frame.b.connectNo);
      this.session = { socket, number: this.connectNos.length, heartbeat: 0, seq: 0, isReady: false };
      const verdicts = frame.b.inventory.map(({ attempt, epoch }): Verdict => ({
        attempt,
        epoch,
        do: this.abandoned.has(attempt) ? "abandon" : "continue",
        logBytes: this.logOf(attempt).length,
        eventSeq: 0,
      }));
      this.send("welcome", {
        session: this.session.number,
        incarnation: 0,
        serverTimeMs: Date.now(),
        heartbeatMs: this.heartbeatMs,
        pool: "default",
        labels: {},
        config: { logWindow: { attempt: 1024 * 1024, connection: 8 * 1024 * 1024 }, logFlushMs: 1000 },
        minVersion: "0.1.0",
        full: false,
        verdicts,
        agent: frame.b.agent,
        name: "test",
      });
      return;
    }
    const { session } = this;
    if (session === undefined || session.socket !== socket) return;
    if (frame.t === "ready") session.isReady = true;
    if (frame.t === "heartbeat" && this.acknowledgesHeartbeats) {
      session.heartbeat = frame.b.n;
      this.send(
        "heartbeat.ack",
        { n: frame.b.n, unknown: [], cancels: [], watch: [], serverTimeMs: Date.now() },
        frame.id,
      );
    }
    if (frame.t === "report") this.#onReport(frame.b.items, frame.id);
  }

  #onReport(items: readonly ReportItem[], re: number): void {
    this.items.push(...items);
    if (!this.acknowledgesReports) return;
    if (this.refusesReports) {
      this.send("error", { code: "internal", message: "not now", retryable: true, retryAfterMs: 50 }, re);
      return;
    }
    const results: ControlBody<"report.ack">["items"] = items.map((item) => {
      const isDouble = item.kind === "finish" && this.#acked.has(item.attempt);
      if (item.kind === "finish" && !isDouble) this.#acked.set(item.attempt, item);
      const result = isDouble ? ("duplicate" as const) : ("accepted" as const);
      const { attempt, epoch, kind } = item;
      return { attempt, epoch, kind, result, ...(item.kind === "event" ? { seq: item.seq } : {}) };
    });
    this.send("report.ack", { items: results }, re);
  }

  #onLog(bytes: Buffer): void {
    const frame = decodeLogFrame(bytes);
    if (frame === undefined) throw new Error("bad log frame");
    const { attempt } = frame;
    const have = this.logOf(attempt).length;
    if (frame.last) {
      const log = this.#acked.get(attempt)?.log;
      if (
        frame.offset === have &&
        (log === undefined || log.sha256 === createHash("sha256").update(this.logOf(attempt)).digest("hex"))
      ) {
        this.completeLogs.add(attempt);
        this.send("log.ack", { attempt, bytes: have, complete: true });
      } else this.send("log.nack", { attempt, expect: have, reason: "gap" });
      return;
    }
    if (this.refuseSegments > 0) {
      this.refuseSegments--;
      return this.send("log.nack", { attempt, expect: have, reason: "corrupt" });
    }
    if (frame.offset !== have) return this.send("log.nack", { attempt, expect: have, reason: "gap" });
    const raw = frame.codec === 1 ? gunzipSync(frame.payload, { maxOutputLength: 65_536 }) : Buffer.from(frame.payload);
    if (raw.length !== frame.rawLength || crc32(raw) !== frame.crc32) throw new Error("log frame is damaged");
    const parts = this.logs.get(attempt) ?? [];
    // One buffer: `logOf` is asked for each frame.
    this.logs.set(attempt, [Buffer.concat([...parts, raw])]);
    this.send("log.ack", { attempt, bytes: have + raw.length });
  }
}

function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => resolve(Buffer.concat(chunks).toString()));
    request.on("error", reject);
  });
}
