// A runner: a small process that carries attempts and outlives its agent (docs/protocol.md, "Runners").
//  U1. What it holds, it holds without an agent; a connecting agent is told everything again.
//  U2. A result is kept until `retire`; without an answer in a second it is written to disk too.
//  U3. It ends by itself when it carries nothing and no agent has been there for a minute.
import { randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import {
  runnerCommandSchema,
  runnerProtocolVersion,
  AppError,
  type CanonicalWorkflow,
  type ClockReading,
  type FinishItem,
  type RunnerCommand,
  type RunnerRecord,
  type RunnerReport,
} from "@capstan/proto";
import type { Executors } from "../execute/executor.ts";
import type { FileTransfer } from "../workspace/file-store.ts";
import { removeEmptyMemory } from "../workspace/memory-folder.ts";
import { FolderPool } from "./attempt-folders.ts";
import { CarriedAttempt } from "./carried-attempt.ts";
import { removeExitRecord, writeExitRecord } from "./exit-record.ts";
import { LineWriter, readLines } from "./json-lines.ts";
import { LeaseClock } from "./lease-clock.ts";
import { readBootId, startTicksOf } from "./process-identity.ts";
import { runnerFolder, runnerFoldersOf, runnerRecordPath, socketPath } from "./runner-paths.ts";
import { Spawner } from "./spawner.ts";
import { makeCgroupParent, removeCgroup } from "./tree.ts";
import { WarmPool } from "./warm-pool.ts";

export interface RunnerOptions {
  readonly dataDir: string;
  readonly number: number;
  readonly executors: Executors;
}

const exitRecordAfterMs = 1000;
const lonelyMs = 60_000;
const documentsKept = 64;

interface Transfer {
  readonly request: Extract<RunnerReport, { t: "file" }>;
  readonly resolve: (path: string) => void;
  readonly reject: (error: Error) => void;
}

export class Runner {
  readonly #options: RunnerOptions;
  readonly #folders: ReturnType<typeof runnerFoldersOf>;
  readonly #secret = randomBytes(32).toString("hex");
  readonly #attempts = new Map<string, CarriedAttempt>();
  readonly #documents = new Map<string, CanonicalWorkflow>();
  readonly #transfers = new Map<number, Transfer>();
  readonly #recordTimers = new Map<string, NodeJS.Timeout>();
  readonly #cgroupParent: string;
  readonly #folderPool: FolderPool;
  #leases: LeaseClock | undefined;
  #spawner: Spawner | undefined;
  #warm: WarmPool | undefined;
  #agent: { readonly socket: Socket; readonly lines: LineWriter } | undefined;
  #renewed: ClockReading | undefined;
  #transferNo = 0;
  #isLeaving = false;
  #lonelySince = performance.now();

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#folders = runnerFoldersOf(options.dataDir);
    for (const folder of [runnerFolder(options.dataDir), ...Object.values(this.#folders)]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
    this.#folderPool = new FolderPool(options.dataDir, this.#folders.work, options.number);
    this.#cgroupParent = makeCgroupParent(`${process.pid}-${startTicksOf(process.pid) ?? 0}`);
  }

  /** Listens, then writes `runner.json`: whoever finds the record can connect. */
  async start(): Promise<void> {
    const { dataDir, number } = this.#options;
    const socket = socketPath(dataDir, `${number}.sock`);
    const leaseSocket = socketPath(dataDir, `${number}.lease.sock`);
    for (const path of [socket, leaseSocket]) removeFile(path);
    this.#leases = await LeaseClock.start({ socket: leaseSocket, secret: this.#secret }, (notice) => {
      const attempt = this.#attempts.get(notice.attempt);
      if (attempt?.offer.epoch === notice.epoch)
        attempt.stop("lease_over", notice.stopped === "kill" ? 0 : attempt.offer.graceMs);
    });
    this.#spawner = await Spawner.start(`${runnerFolder(dataDir)}/${number}.pipes`);
    this.#warm = new WarmPool({
      cgroupParent: this.#cgroupParent,
      spawner: this.#spawner,
      socketPath: (name) => socketPath(dataDir, `${name}.sock`),
    });
    const server = createServer((peer) => this.#onPeer(peer));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(socket, resolve);
    });
    chmodSync(socket, 0o600);
    const record: RunnerRecord = {
      version: runnerProtocolVersion,
      pid: process.pid,
      startTicks: startTicksOf(process.pid) ?? 0,
      bootId: readBootId(),
      secret: this.#secret,
      socket,
      leaseSocket,
      cgroup: this.#cgroupParent,
    };
    const path = runnerRecordPath(dataDir, number);
    writeFileSync(`${path}.tmp`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
    setInterval(() => this.#endIfLonely(), 1000);
  }

  #onPeer(socket: Socket): void {
    let isKnown = false;
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      if (this.#agent?.socket !== socket) return;
      this.#agent = undefined;
      this.#lonelySince = performance.now();
    });
    readLines(socket, (line) => {
      const command = commandOf(line);
      if (command === undefined) socket.destroy();
      else if (isKnown) this.#obey(command);
      else if (command.t === "auth" && isSame(command.secret, this.#secret)) {
        isKnown = true;
        this.#greet(socket);
      } else socket.destroy();
    });
  }

  /** A newer agent replaces the older connection: the agent's own lock sees to it that there is only one. */
  #greet(socket: Socket): void {
    this.#agent?.socket.destroy();
    this.#agent = { socket, lines: new LineWriter(socket) };
    const attempts = [...this.#attempts.values()];
    this.#report({
      t: "state",
      version: runnerProtocolVersion,
      pid: process.pid,
      attempts: attempts.map((a) => a.state),
    });
    for (const attempt of attempts) for (const report of attempt.history) this.#report(report);
    for (const transfer of this.#transfers.values()) this.#report(transfer.request);
  }

  #report(report: RunnerReport): void {
    this.#agent?.lines.send(report);
  }

  #obey(command: RunnerCommand): void {
    switch (command.t) {
      case "auth":
        return;
      case "take":
        this.#take(command);
        return;
      case "renew":
        this.#renewed = command.base;
        this.#leases?.renew(command.base);
        return;
      case "cancel": {
        const attempt = this.#attempts.get(command.attempt);
        if (attempt?.offer.epoch === command.epoch) attempt.stop(command.reason, command.graceMs);
        return;
      }
      case "drained":
        this.#attempts.get(command.attempt)?.log.drained(command.bytes);
        return;
      case "watch": {
        const watched = new Set<string>(command.attempts);
        for (const [id, attempt] of this.#attempts) attempt.log.watch(watched.has(id));
        return;
      }
      case "retire":
        this.#retire(command.attempt, command.epoch);
        return;
      case "file": {
        const transfer = this.#transfers.get(command.n);
        this.#transfers.delete(command.n);
        if (command.error !== undefined) transfer?.reject(new AppError("spec_unavailable", command.error));
        else transfer?.resolve(command.path ?? "");
        return;
      }
      case "leave":
        this.#isLeaving = true;
        this.#endIfLonely();
    }
  }

  #take(take: Extract<RunnerCommand, { t: "take" }>): void {
    const { attempt: id, epoch } = take.offer;
    // The same pair twice is started once; another epoch of a living attempt cannot be (L3 of the agent sees to it).
    if (this.#attempts.has(id) || this.#leases === undefined || this.#spawner === undefined || this.#warm === undefined)
      return;
    const attempt = new CarriedAttempt({
      take,
      folders: this.#folders,
      executors: this.#options.executors,
      leases: this.#leases,
      cgroupParent: this.#cgroupParent,
      spawner: this.#spawner,
      warm: this.#warm,
      folderPool: this.#folderPool,
      documentAt: (path) => this.#documentAt(path),
      files: this.#filesOf(id),
      report: (report) => this.#report(report),
      renewed: () => this.#renewed,
      onDone: (finish) => {
        // Told before the runner tidies up: the next attempt may wait for it.
        this.#agent?.lines.flush();
        this.#keepResult(finish);
      },
    });
    this.#attempts.set(id, attempt);
    attempt.run().catch((error: unknown) => {
      // `run` never throws; if it does, going on would leave an attempt without an end.
      console.error(`runner: attempt ${id} epoch ${epoch}:`, error);
      process.exit(70);
    });
  }

  #documentAt(path: string): CanonicalWorkflow {
    const known = this.#documents.get(path);
    if (known !== undefined) return known;
    const document = JSON.parse(readFileSync(path, "utf8")) as CanonicalWorkflow; // the agent checked its digest
    if (this.#documents.size >= documentsKept) {
      const [oldest] = this.#documents.keys();
      if (oldest !== undefined) this.#documents.delete(oldest);
    }
    this.#documents.set(path, document);
    return document;
  }

  #filesOf(attempt: CarriedAttempt["offer"]["attempt"]): FileTransfer {
    const ask = (
      request: Pick<Extract<RunnerReport, { t: "file" }>, "do" | "sha256" | "size" | "path">,
      signal: AbortSignal,
    ) =>
      new Promise<string>((resolve, reject) => {
        const n = ++this.#transferNo;
        const whole: Extract<RunnerReport, { t: "file" }> = { t: "file", n, attempt, ...request };
        this.#transfers.set(n, { request: whole, resolve, reject });
        signal.addEventListener("abort", () => {
          if (this.#transfers.delete(n)) reject(new Error("stopped while a file was on its way"));
        });
        this.#report(whole);
      });
    return {
      download: ({ sha256, size }, signal) => ask({ do: "download", sha256, size }, signal),
      upload: async ({ path, sha256, size }, signal) => {
        await ask({ do: "upload", sha256, size, path }, signal);
      },
    };
  }

  #keepResult(finish: FinishItem): void {
    const write = (): void => {
      try {
        writeExitRecord(this.#folders.exit, finish);
      } catch (error) {
        console.error(`runner: exit record of ${finish.attempt}:`, error);
      }
    };
    if (this.#agent === undefined) write();
    else {
      const timer = setTimeout(() => {
        this.#recordTimers.delete(finish.attempt); // from now on there is a record, which `retire` has to remove
        write();
      }, exitRecordAfterMs);
      this.#recordTimers.set(finish.attempt, timer);
    }
  }

  #retire(id: string, epoch: number): void {
    const attempt = this.#attempts.get(id);
    if (attempt === undefined || attempt.offer.epoch !== epoch || attempt.state.phase !== "finished") return;
    this.#attempts.delete(id);
    const timer = this.#recordTimers.get(id);
    this.#recordTimers.delete(id);
    if (timer !== undefined) clearTimeout(timer);
    else removeExitRecord(this.#folders.exit, id, epoch);
    if (this.#isLeaving) this.#endIfLonely();
  }

  async #end(spawner: Spawner): Promise<void> {
    this.#spawner = undefined; // from now on nothing is taken
    removeFile(runnerRecordPath(this.#options.dataDir, this.#options.number));
    this.#folderPool.close();
    removeEmptyMemory(this.#options.dataDir);
    await this.#warm?.close();
    await spawner.close();
    if (this.#cgroupParent !== "") {
      try {
        writeFileSync(`${this.#cgroupParent}/../cgroup.procs`, String(process.pid));
        removeCgroup(this.#cgroupParent);
      } catch {
        // The folder stays empty; the next agent's sweep takes it.
      }
    }
    process.exit(0);
  }

  #endIfLonely(): void {
    if (this.#attempts.size > 0) return;
    const isLonely = this.#agent === undefined && performance.now() - this.#lonelySince > lonelyMs;
    if (!this.#isLeaving && !isLonely) return;
    this.#isLeaving = true;
    if (this.#spawner !== undefined) void this.#end(this.#spawner);
  }
}

function commandOf(line: string): RunnerCommand | undefined {
  try {
    const parsed = runnerCommandSchema.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function isSame(given: string, secret: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(secret);
  return a.length === b.length && timingSafeEqual(a, b);
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was not there.
  }
}
