import { pino } from "pino";
import { expect, test } from "vitest";
import { decodeFrame, idFromUuid, type AgentBody, type AgentFrameType, type ControlFrame } from "@capstan/proto";
import type { Lane, OfferedAttempt } from "../dispatch/sessions.ts";
import { LogWatch } from "../log/log-watch.ts";
import { heartbeat, hello } from "../testing/agent-client.ts";
import { sessionDefaults, type SessionServices } from "./services.ts";
import { handleFrame } from "./route.ts";
import { AgentSession } from "./session.ts";
import { SessionRegistry } from "./session-registry.ts";

const agentId = "0192f1a0-0000-7000-8000-000000000001";
const identity = {
  projectId: "p",
  project: "default",
  agentId,
  name: "laptop",
  pool: "default",
  poolId: "pool",
  state: "active",
} as const;
const lane: Lane = { projectId: "p", laneId: "l", poolId: "pool", executor: "run", labels: {}, slots: 1 };
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/** A socket that keeps the frames, a clock that is moved by hand, and services that answer at once. */
function fixture() {
  const clock = { nowMs: 0 };
  const registry = new SessionRegistry(() => clock.nowMs);
  const frames: ControlFrame[] = [];
  const socket = { closed: undefined as number | undefined, paused: false };
  let current = true;
  const services = {
    registry,
    inventory: {
      greet: async () => ({
        kind: "welcome",
        session: 1_000_000_001,
        incarnation: 1,
        state: "active",
        pinned: {},
        verdicts: [],
      }),
      compare: async () => [],
      release: async () => undefined,
      setState: () => undefined,
    },
    reports: { apply: async () => [] },
    leases: { renew: async () => current },
    logs: { append: () => undefined, finished: () => undefined, sourceClosed: () => undefined },
    traces: { append: () => true },
    watch: new LogWatch(),
    log: pino({ level: "silent" }),
  } as unknown as SessionServices; // only what sessions call
  const session = new AgentSession(
    identity,
    {
      bufferedBytes: 0,
      send: (text) => {
        const decoded = decodeFrame(text, "control");
        if (decoded.kind !== "frame") throw new Error(`not a frame: ${text}`);
        frames.push(decoded.frame);
      },
      close: (code) => {
        socket.closed = code;
      },
      pause: () => {
        socket.paused = true;
      },
      resume: () => {
        socket.paused = false;
      },
    },
    services,
    sessionDefaults,
    handleFrame,
    () => clock.nowMs,
  );
  let id = 0;
  const say = <T extends AgentFrameType>(t: T, b: AgentBody<T>): void =>
    session.onText(JSON.stringify({ t, id: ++id, b }));
  return {
    clock,
    registry,
    frames,
    socket,
    session,
    say,
    fence: () => {
      current = false;
    },
    goLive: async (): Promise<void> => {
      say("hello", hello(idFromUuid("ag", identity.agentId), 1));
      await turn();
      say("ready", { abandoned: [] });
    },
  };
}

const offered = (seq: number): OfferedAttempt => ({
  seq,
  attemptId: `0192f1a0-0000-7000-8000-0000000001${String(seq).padStart(2, "0")}`,
  epoch: 1_000_001,
  taskRunId: "0192f1a0-0000-7000-8000-000000000201",
  runId: "0192f1a0-0000-7000-8000-000000000301",
  runName: "hello-1",
  project: "default",
  projectId: "p",
  task: "only",
  index: 0,
  number: 1,
  specDigest: `sha256:${"0".repeat(64)}`,
  workflowId: "w",
  inputs: {},
  leaseMs: 300_000,
  onLeaseEnd: "stop",
  graceMs: 10_000,
  secrets: [],
});

test("offers of one turn leave in one frame, which names the last committed heartbeat", async () => {
  const { registry, frames, goLive, say } = fixture();
  await goLive();
  say("heartbeat", heartbeat(7));
  await turn();
  for (let i = 0; i < 3; i++) {
    const slot = registry.take(lane, 300_000, []);
    if (slot === undefined) throw new Error("no slot");
    registry.offer(slot, offered(slot.seq));
  }
  await turn();
  const offers = frames.filter((frame) => frame.t === "offer");
  expect(offers).toHaveLength(1);
  expect(offers[0]?.b.heartbeat).toBe(7);
  expect(offers[0]?.b.attempts.map((one) => one.seq)).toEqual([1, 2, 3]);
});

test("nothing is offered before ready, nor on a session whose renewal is older than a fifth of the lease", async () => {
  const { registry, clock, say, goLive } = fixture();
  say("hello", hello(idFromUuid("ag", identity.agentId), 1));
  await turn();
  expect(registry.take(lane, 300_000, [])).toBeUndefined();
  const other = fixture();
  await other.goLive();
  other.clock.nowMs = 6001;
  expect(other.registry.take(lane, 30_000, [])).toBeUndefined();
  expect(other.registry.take(lane, 300_000, [])).toBeDefined();
  other.clock.nowMs = 20_001;
  expect(other.registry.take(lane, 300_000, [])).toBeUndefined();
  expect(clock.nowMs).toBe(0);
  expect(goLive).toBeDefined();
});

test("a session without hello is closed after 10 s, a silent one after 30 s", async () => {
  const early = fixture();
  early.clock.nowMs = 10_001;
  early.session.tick();
  expect(early.socket.closed).toBe(4400);
  const late = fixture();
  await late.goLive();
  late.clock.nowMs = 30_001;
  late.session.tick();
  expect(late.socket.closed).toBe(4408);
});

test("a heartbeat of a session that is not current any more is not acknowledged", async () => {
  const { frames, fence, goLive, say, socket } = fixture();
  await goLive();
  fence();
  say("heartbeat", heartbeat(1));
  await turn();
  expect(frames.some((frame) => frame.t === "heartbeat.ack")).toBe(false);
  expect(socket.closed).toBe(4409);
});

test("a cancel is repeated in heartbeat answers until the agent has seen it", async () => {
  const { registry, frames, goLive, say } = fixture();
  await goLive();
  registry.cancel(agentId, { attemptId: offered(1).attemptId, epoch: 1_000_001, reason: "cancelled", graceMs: 10 });
  const pushed = frames.find((frame) => frame.t === "cancel");
  if (pushed?.t !== "cancel") throw new Error("no cancel was sent");
  const answered = async (n: number): Promise<number> => {
    say("heartbeat", heartbeat(n));
    await turn();
    const ack = frames.findLast((frame) => frame.t === "heartbeat.ack");
    return ack?.t === "heartbeat.ack" ? ack.b.cancels.length : -1;
  };
  expect(await answered(1)).toBe(1);
  say("cancel.ack", { attempt: pushed.b.attempt, epoch: pushed.b.epoch, phase: "running" });
  expect(await answered(2)).toBe(0);
});

test("frames beyond the rate pause the reading and none is dropped", async () => {
  const { clock, goLive, registry, say, session, socket } = fixture();
  await goLive();
  for (let i = 0; i < 10_100; i++) say("ask", { free: i, offers: 0 });
  expect(socket.paused).toBe(true);
  expect(socket.closed).toBeUndefined();
  expect(registry.freeFor(lane, 100_000)).toBe(10_099);
  clock.nowMs = 5000;
  session.tick();
  expect(socket.paused).toBe(false);
});
