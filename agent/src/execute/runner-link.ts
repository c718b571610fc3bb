// The agent's end of one runner: its two sockets, and whether the process behind them lives.
//  N1. A pid alone names nothing: start time and boot id are compared before a signal is sent.
import { connect, type Socket } from "node:net";
import {
  runnerProtocolVersion,
  runnerReportSchema,
  type ClockReading,
  type RunnerCommand,
  type RunnerRecord,
  type RunnerReport,
} from "@capstan/proto";
import { LineWriter, readLines } from "../runner/json-lines.ts";
import { startTicksOf } from "../runner/process-identity.ts";

const answerMs = 10_000;

export interface RunnerLinkHandlers {
  readonly onReport: (report: RunnerReport, link: RunnerLink) => void;
  /** The socket is closed for good: the process is dead, or mute and has been killed. */
  readonly onGone: (link: RunnerLink) => void;
}

export class RunnerLink {
  readonly record: RunnerRecord;
  readonly number: number;
  /** Attempts that this runner carries and has not ended. */
  readonly attempts = new Set<string>();
  readonly #socket: Socket;
  readonly #leaseSocket: Socket;
  readonly #lines: LineWriter;
  readonly #leaseLines: LineWriter;
  readonly #handlers: RunnerLinkHandlers;
  /** What came before `begin`: it must not meet an agent that does not know the runner's attempts yet. */
  #early: RunnerReport[] | undefined = [];

  private constructor(
    record: RunnerRecord,
    number: number,
    handlers: RunnerLinkHandlers,
    socket: Socket,
    leaseSocket: Socket,
  ) {
    this.record = record;
    this.#handlers = handlers;
    this.number = number;
    this.#socket = socket;
    this.#leaseSocket = leaseSocket;
    this.#lines = new LineWriter(socket);
    this.#leaseLines = new LineWriter(leaseSocket);
  }

  /** Connects and proves to know the secret. Resolves with the first `state`; rejects where nobody answers in 10 s. */
  static async open(
    record: RunnerRecord,
    number: number,
    handlers: RunnerLinkHandlers,
  ): Promise<{ link: RunnerLink; state: Extract<RunnerReport, { t: "state" }> }> {
    const [socket, leaseSocket] = await Promise.all([dial(record.socket), dial(record.leaseSocket)]);
    const link = new RunnerLink(record, number, handlers, socket, leaseSocket);
    leaseSocket.on("error", () => undefined);
    leaseSocket.on("data", () => undefined);
    return await new Promise((resolve, reject) => {
      let isOpen = false;
      const timer = setTimeout(() => socket.destroy(new Error("the runner does not answer")), answerMs);
      socket.on("error", () => undefined); // `close` follows
      socket.on("close", () => {
        clearTimeout(timer);
        leaseSocket.destroy();
        if (isOpen) handlers.onGone(link);
        else reject(new Error(`runner ${number} does not answer`));
      });
      readLines(socket, (line) => {
        const report = reportOf(line);
        if (report === undefined) {
          socket.destroy();
        } else if (isOpen) {
          if (link.#early === undefined) handlers.onReport(report, link);
          else link.#early.push(report);
        } else if (report.t === "state") {
          isOpen = true;
          clearTimeout(timer);
          for (const { attempt, phase } of report.attempts) if (phase !== "finished") link.attempts.add(attempt);
          resolve({ link, state: report });
        }
      });
      link.send({ t: "auth", version: runnerProtocolVersion, secret: record.secret });
      link.#leaseLines.send({ t: "auth", version: runnerProtocolVersion, secret: record.secret });
    });
  }

  /** From now on reports are handed over, first those that have come already. */
  begin(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const report of early) this.#handlers.onReport(report, this);
  }

  send(command: RunnerCommand): void {
    this.#lines.send(command);
  }

  /** Writes now what would leave at the end of the turn. */
  flush(): void {
    this.#lines.flush();
  }

  /** A renewal goes to both threads: the lease thread stops, the main thread looks before it spawns. */
  renew(base: ClockReading): void {
    this.#leaseLines.send({ t: "renew", base });
    this.#leaseLines.flush();
    this.#lines.send({ t: "renew", base });
  }

  /** Leaves the runner alone: it goes on without an agent. */
  disconnect(): void {
    this.#lines.flush();
    this.#leaseSocket.destroy();
    this.#socket.removeAllListeners("close");
    this.#socket.end();
  }
}

export function isRunnerAlive(record: RunnerRecord): boolean {
  return startTicksOf(record.pid) === record.startTicks;
}

/** Kills the process of a runner, if it is still the one of the record. */
export function killRunner(record: RunnerRecord): void {
  if (!isRunnerAlive(record)) return;
  try {
    process.kill(record.pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

function dial(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

function reportOf(line: string): RunnerReport | undefined {
  try {
    const parsed = runnerReportSchema.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
