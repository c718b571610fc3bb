// An agent for tests: speaks the real protocol over a real socket, and does nothing on its own.
import { createHash, generateKeyPairSync, hkdfSync, createHmac, randomUUID, sign } from "node:crypto";
import { crc32, gzipSync } from "node:zlib";
import WebSocket from "ws";
import {
  agentPaths,
  agentSubprotocol,
  assertionType,
  decodeFrame,
  encodeLogFrame,
  enrolKeyInfo,
  enrolMacText,
  enrolProofType,
  parseJoinToken,
  protocolRange,
  type AgentBody,
  type AgentFrameType,
  type AttemptId,
  type ControlBody,
  type ControlFrame,
  type ControlFrameType,
  type EnrolAnswer,
  type EnrolRequest,
  type NonceAnswer,
  type PublicJwk,
} from "@capstan/proto";

export interface TestKey {
  readonly jwk: PublicJwk;
  readonly thumbprint: string;
  sign(header: object, claims: object): string;
}

const base64 = (value: string | Buffer): string => Buffer.from(value).toString("base64url");

export function testKey(crv: "Ed25519" | "X25519"): TestKey {
  const pair = crv === "Ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("x25519");
  const { x } = pair.publicKey.export({ format: "jwk" });
  const jwk: PublicJwk = { kty: "OKP", crv, x: String(x) };
  const thumbprint = createHash("sha256")
    .update(JSON.stringify({ crv, kty: "OKP", x: jwk.x }))
    .digest("base64url");
  return {
    jwk,
    thumbprint,
    sign: (header, claims) => {
      const text = `${base64(JSON.stringify(header))}.${base64(JSON.stringify(claims))}`;
      return `${text}.${base64(sign(null, Buffer.from(text), pair.privateKey))}`;
    },
  };
}

/** The request that enrols a new key with a join token, as `capstan agent join` makes it. */
export function enrolRequest(key: TestKey, token: string, nonce: string, origin: string, name: string): EnrolRequest {
  const parsed = parseJoinToken(token);
  if (parsed === undefined) throw new Error("not a join token");
  const sealing = testKey("X25519");
  const proof = key.sign(
    { alg: "EdDSA", typ: enrolProofType, kid: key.thumbprint },
    { identity: key.jwk, sealing: sealing.jwk, nonce, origin, name, facts: { os: "linux" }, protocol: protocolRange },
  );
  const joinKey = Buffer.from(hkdfSync("sha256", parsed.secret, parsed.id, enrolKeyInfo, 32));
  const text = enrolMacText({
    identityThumbprint: key.thumbprint,
    sealingThumbprint: sealing.thumbprint,
    nonce,
    origin,
  });
  return { tokenId: parsed.id, proof, mac: createHmac("sha256", joinKey).update(text).digest("base64url") };
}

export function assertion(
  key: TestKey,
  agent: string,
  nonce: NonceAnswer,
  audience: string,
  jti: string = randomUUID(),
): string {
  const iat = Math.floor(nonce.timeMs / 1000);
  return key.sign(
    { alg: "EdDSA", typ: assertionType, kid: key.thumbprint },
    { iss: agent, sub: agent, aud: audience, htm: "GET", nonce: nonce.nonce, iat, exp: iat + 60, jti },
  );
}

export class AgentClient {
  readonly socket: WebSocket;
  readonly frames: ControlFrame[] = [];
  closed: { code: number; reason: string } | undefined;
  refused: number | undefined;
  private sent = 0;
  private readonly waiters = new Set<() => void>();

  constructor(origin: string, bearer: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(origin.replace("http", "ws") + agentPaths.socket, [agentSubprotocol], {
      headers: { authorization: `Bearer ${bearer}`, ...headers },
      perMessageDeflate: false,
    });
    this.socket.on("message", (data: Buffer) => {
      const decoded = decodeFrame(data.toString("utf8"), "control");
      if (decoded.kind !== "frame")
        throw new Error(`the server sent a frame that does not decode: ${JSON.stringify(decoded)}`);
      this.frames.push(decoded.frame);
      this.wake();
    });
    this.socket.on("unexpected-response", (_request, response) => {
      this.refused = response.statusCode ?? 0;
      this.wake();
    });
    this.socket.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.wake();
    });
    this.socket.on("error", () => this.wake());
    this.socket.on("open", () => this.wake());
  }

  send<T extends AgentFrameType>(t: T, b: AgentBody<T>): void {
    this.sendAny(t, b);
  }

  /** A frame in its turn whose body may be anything. */
  sendAny(t: string, b: unknown): void {
    this.socket.send(JSON.stringify({ t, id: ++this.sent, b }));
  }

  log(
    attempt: AttemptId,
    epoch: number,
    offset: number,
    text: string,
    options: { last?: boolean; corrupt?: boolean } = {},
  ): void {
    const raw = Buffer.from(text);
    const header = {
      attempt,
      epoch,
      codec: raw.length === 0 ? (0 as const) : (1 as const),
      last: options.last ?? false,
      gap: false,
      liveOnly: false,
      rawLength: raw.length,
      offset,
      crc32: options.corrupt === true ? 1 : crc32(raw),
    };
    this.socket.send(encodeLogFrame(header, raw.length === 0 ? raw : gzipSync(raw, { level: 1 })));
  }

  /** Resolves when the condition gives something. @throws after 10 s */
  async until<T>(what: string, look: () => T | undefined): Promise<T> {
    const endMs = Date.now() + 10_000;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (Date.now() > endMs)
        throw new Error(
          `${what} did not come; frames: ${JSON.stringify(this.frames)} closed: ${JSON.stringify(this.closed)}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        this.waiters.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  open(): Promise<true> {
    return this.until("the connection", () => (this.socket.readyState === WebSocket.OPEN ? true : undefined));
  }

  /** The next frame of a type that was not taken yet. */
  next<T extends ControlFrameType>(t: T): Promise<ControlBody<T>> {
    return this.until(t, () => {
      const at = this.frames.findIndex((frame) => frame.t === t);
      const [frame] = at < 0 ? [] : this.frames.splice(at, 1);
      return frame?.b as ControlBody<T> | undefined; // found by its type
    });
  }

  end(): Promise<{ code: number; reason: string }> {
    return this.until("the close", () => this.closed);
  }

  private wake(): void {
    for (const waiter of this.waiters) waiter();
    this.waiters.clear();
  }
}

export const hello = (
  agent: EnrolAnswer["agent"],
  connectNo: number,
  more: Partial<AgentBody<"hello">> = {},
): AgentBody<"hello"> => ({
  agent,
  connectNo,
  version: "0.1.0",
  protocol: { ...protocolRange },
  incarnation: 1,
  host: {
    bootId: "boot-1",
    fingerprint: "host-1",
    os: "linux",
    arch: "x64",
    kernel: "6",
    cpus: 2,
    memoryBytes: 1e9,
    isolation: ["L1"],
  },
  process: { nonce: "n", startedMs: 1 },
  labels: { facts: { os: "linux" }, self: {} },
  executors: ["run", "python", "node", "http", "notify"].map((kind) => ({ kind, version: "1" })),
  slots: 4,
  free: 4,
  inventory: [],
  more: false,
  ...more,
});

export const heartbeat = (n: number, more: Partial<AgentBody<"heartbeat">> = {}): AgentBody<"heartbeat"> => ({
  n,
  held: [],
  offers: 0,
  free: 4,
  loopLagMs: 0,
  tickAgeMs: 0,
  cpu: 0,
  memFreeBytes: 1,
  diskFree: 1,
  inodesFree: 1,
  spoolBytes: 0,
  ...more,
});
