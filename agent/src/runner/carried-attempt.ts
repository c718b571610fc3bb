// One attempt inside a runner, from `take` to its result.
//  A1. The result leaves only when the tree is proven empty (`finish` means: nothing can run any more).
//  A2. The first stop decides the outcome, except that the end of the lease overrides all: then the attempt is lost.
//  A3. What a task wrote (outputs, message, summary) is masked like its log.
import {
  actionKindOf,
  residencyOf,
  taskOf,
  type AttemptEventType,
  type CanonicalWorkflow,
  type ClockReading,
  type Failure,
  type FinishItem,
  type JsonObject,
  type OfferedAttempt,
  type RunnerAttempt,
  type RunnerCommand,
  type RunnerReport,
  type StopReason,
} from "@capstan/proto";
import type { ExecutorContext, Executors, Finished, Prepared, ProcessExit } from "../execute/executor.ts";
import type { FileTransfer } from "../workspace/file-store.ts";
import type { AttemptFolders, FolderPool } from "./attempt-folders.ts";
import { keptOf } from "../workspace/kept-data.ts";
import { AttemptLog } from "./attempt-log.ts";
import { keptEvent, keptWord, maskedJson, messageOf, setupFailure, stoppedBefore, wordOf } from "./attempt-word.ts";
import { writeCancelFile } from "./cancel-file.ts";
import { finishOf, stoppedOf, type Stop } from "./finish-item.ts";
import { isLimited, limitTree } from "./cgroup-limits.ts";
import { EventFile } from "./event-file.ts";
import { keepBack, releaseOutputs } from "./held-outputs.ts";
import { isTermDue, type LeaseClock } from "./lease-clock.ts";
import { logPlace } from "./log-place.ts";
import { longTimeout } from "./long-timeout.ts";
import { environmentOf, type PreparedProcess } from "./spawn.ts";
import type { RunningProcess, Spawner } from "./spawner.ts";
import type { WarmPool } from "./warm-pool.ts";
import type { WarmWorker } from "./warm-worker.ts";
import { killTree, makeTree, oomKilled, removeTree, signalTree, type Tree } from "./tree.ts";

export interface RunnerFolders {
  readonly work: string;
  readonly spool: string;
  readonly cache: string;
  readonly exit: string;
}

export interface CarriedAttemptOptions {
  readonly take: Extract<RunnerCommand, { t: "take" }>;
  readonly folders: RunnerFolders;
  readonly executors: Executors;
  readonly leases: LeaseClock;
  readonly cgroupParent: string;
  readonly spawner: Spawner;
  readonly warm: WarmPool;
  readonly folderPool: FolderPool;
  readonly documentAt: (path: string) => CanonicalWorkflow;
  readonly files: FileTransfer;
  readonly report: (report: RunnerReport) => void;
  /** The last acknowledged reading, for the check before user code begins. */
  readonly renewed: () => ClockReading | undefined;
  /** The whole attempt is over and its processes are gone. */
  readonly onDone: (finish: FinishItem) => void;
}

const eventLookMs = 500;
const pipeCloseMs = 2000;

export class CarriedAttempt {
  readonly offer: OfferedAttempt;
  readonly log: AttemptLog;
  readonly #options: CarriedAttemptOptions;
  /** Its own tree, with a cgroup only where a process of its own begins; while a warm interpreter carries it, that one's. */
  #tree: Tree;
  /** Carried it to a good end, and is stopped. */
  #rested: WarmWorker | undefined;
  readonly #isClassified: boolean;
  /** What it says stays on this host: its log, its messages, its summary. */
  readonly #isKept: boolean;
  readonly #abort = new AbortController();
  readonly #events: Extract<RunnerReport, { t: "event" }>[] = [];
  #phase: RunnerAttempt["phase"] = "taken";
  #startedMs: number | undefined;
  #stop: Stop | undefined;
  #cancelFile: string | undefined;
  #killTimer: NodeJS.Timeout | undefined;
  #finish: FinishItem | undefined;
  #held: FinishItem["held"];

  constructor(options: CarriedAttemptOptions) {
    const { offer } = options.take;
    this.#options = options;
    this.offer = offer;
    this.#tree = { cgroup: "", attempt: offer.attempt };
    const document = this.#document();
    const residency = document === undefined ? undefined : residencyOf(document).get(offer.task);
    this.#isClassified = residency !== undefined;
    this.#isKept = options.take.store !== undefined && residency?.localLogs === true;
    const { onFull } = (document === undefined ? undefined : taskOf(document, offer.task)?.logs) ?? {};
    this.log = new AttemptLog({
      ...logPlace(options, this.#isKept, onFull ?? "block"),
      attempt: offer.attempt,
      epoch: offer.epoch,
      now: Date.now,
    });
    options.leases.add(
      {
        attempt: offer.attempt,
        epoch: offer.epoch,
        leaseMs: offer.leaseMs,
        graceMs: offer.graceMs,
        onLeaseEnd: offer.onLeaseEnd,
        tree: this.#tree,
      },
      options.take.base,
    );
  }

  /** What a connecting agent is told, in this order, besides the state. */
  get history(): RunnerReport[] {
    const fence = { attempt: this.offer.attempt, epoch: this.offer.epoch };
    const history: RunnerReport[] = [];
    if (this.#startedMs !== undefined) history.push({ t: "started", ...fence, atMs: this.#startedMs });
    history.push(...this.#events);
    if (this.log.bytes > 0 && !this.#isKept) history.push({ t: "logged", ...fence, bytes: this.log.bytes });
    if (this.#finish !== undefined) history.push({ t: "done", finish: this.#finish, eventSeq: this.#events.length });
    return history;
  }

  get state(): RunnerAttempt {
    return {
      attempt: this.offer.attempt,
      epoch: this.offer.epoch,
      phase: this.#phase,
      ...(this.#startedMs === undefined ? {} : { startedMs: this.#startedMs }),
      eventSeq: this.#events.length,
      producedBytes: this.#isKept ? 0 : this.log.bytes,
      task: this.offer.task,
    };
  }

  /** Carries the attempt to its end. Never throws. */
  async run(): Promise<void> {
    const { folderPool } = this.#options;
    let folders: AttemptFolders | undefined;
    let context: ExecutorContext | undefined;
    let finished: Finished | { readonly failure: Failure; readonly outcome: "failed" };
    const executorOf = (c: ExecutorContext) => this.#options.executors[actionKindOf(c.task.action)];
    try {
      folders = folderPool.take();
      context = this.#contextOf(folders);
      finished = await this.#execute(context, executorOf(context));
      const { document } = context;
      ({ finished, held: this.#held } = keepBack(finished, this.#options.take, document, this.log.masking));
      // The lease thread may have stopped it, and its word of that be still on the way.
      if (finished.outcome === "failed" && this.#stop === undefined && this.#isLeaseOver()) this.stop("lease_over", 0);
    } catch (error) {
      finished = { outcome: "failed", failure: setupFailure(error) };
    }
    const left = this.#mayLeaveProcesses(finished) ? await killTree(this.#tree) : 0;
    clearTimeout(this.#killTimer);
    this.#options.leases.remove(this.offer.attempt);
    if (left > 0) this.log.note(`capstan: ${left} processes are being killed by the kernel and cannot run any more`);
    if (context !== undefined) {
      try {
        await executorOf(context)?.release?.(context);
      } catch (error) {
        this.log.note(`capstan: cleaning up failed: ${messageOf(error)}`);
      }
    }
    const finish = this.#finishOf(finished);
    this.#phase = "finished";
    this.#finish = finish;
    this.#options.report({ t: "done", finish, eventSeq: this.#events.length });
    this.#options.onDone(finish);
    if (this.#rested?.mayGoOn() === true) this.#options.warm.giveBack(this.#rested);
    else void this.#rested?.end();
    removeTree(this.#tree);
    if (folders === undefined) return;
    try {
      // After a failure the folders are kept for a look; the agent's sweep takes them later.
      await (finish.outcome === "failed" ? folderPool.keep(this.offer.attempt, folders) : folderPool.giveBack(folders));
    } catch (error) {
      console.error(`runner: cannot put away ${folders.space}: ${messageOf(error)}`);
    }
  }

  /**
   * Whether something of it may live. On a host with cgroups: what was started in its own, and what a preparation that
   * failed has left, for example a package installer, which is found by its mark. Looking for marks costs milliseconds.
   */
  #mayLeaveProcesses({ outcome }: Pick<Finished, "outcome">): boolean {
    if (this.#options.cgroupParent === "" || this.#tree.cgroup !== "") return true;
    return outcome === "failed" && this.#startedMs === undefined;
  }

  /** Stops the attempt: cancel file, SIGTERM to the whole tree, grace, then kill. Later calls only shorten nothing. */
  stop(reason: StopReason, graceMs: number): void {
    if (this.#phase === "finished") return;
    if (this.#stop !== undefined && reason !== "lease_over") return;
    const isFirst = this.#stop === undefined;
    this.#stop = { reason, graceMs };
    this.#phase = "stopping";
    this.#options.report({ t: "stopping", attempt: this.offer.attempt, epoch: this.offer.epoch, reason });
    this.#writeCancelFile();
    this.#abort.abort();
    if (isFirst) this.#signalStop(this.#stop);
  }

  #signalStop({ graceMs }: Stop): void {
    signalTree(this.#tree, "SIGTERM");
    clearTimeout(this.#killTimer);
    this.#killTimer = setTimeout(() => void killTree(this.#tree), graceMs);
  }

  /** Undefined where the document cannot be read: `run` tells the same error. */
  #document(): CanonicalWorkflow | undefined {
    try {
      return this.#options.documentAt(this.#options.take.documentPath);
    } catch {
      return undefined;
    }
  }

  #contextOf({ exchange, space }: AttemptFolders): ExecutorContext {
    const { take, folders, files } = this.#options;
    const document = this.#options.documentAt(take.documentPath);
    const task = taskOf(document, this.offer.task);
    if (task === undefined) throw new Error(`the version has no task ${this.offer.task}`);
    const residency = residencyOf(document).get(this.offer.task);
    const { store } = take;
    if (residency !== undefined && store === undefined) throw new Error("nobody said where its data are to be kept");
    return {
      ...(store === undefined ? {} : { kept: keptOf(store, this.offer.project, residency) }),
      attempt: this.offer,
      document,
      task,
      bundle: take.bundle,
      attemptDir: exchange,
      spaceDir: space,
      cacheDir: folders.cache,
      files,
      mask: (values) => {
        const short = this.log.mask(values);
        if (short > 0)
          this.log.note("capstan: secret_too_short_to_mask: a secret has fewer than 6 bytes and is not masked");
      },
      note: (text) => this.log.note(text),
      signal: this.#abort.signal,
    };
  }

  async #execute(context: ExecutorContext, executor: Executors[string]): Promise<Finished> {
    if (executor === undefined)
      throw new Error(`this agent cannot run tasks of kind ${actionKindOf(context.task.action)}`);
    const { release, project } = this.offer;
    const { store } = this.#options.take;
    if (release !== undefined && store !== undefined) {
      this.#started();
      return await releaseOutputs(release, project, store, context.files);
    }
    const prepared: Prepared = await executor.prepare(context);
    if (prepared.kind === "failed") {
      const { failure, retryable } = prepared;
      return { outcome: "failed", failure, ...(retryable === undefined ? {} : { retryable }) };
    }
    if (this.#stop !== undefined || !this.#mayStart()) return stoppedBefore;
    this.#started();
    if (prepared.kind === "process") return await this.#runProcess(prepared);
    const ended = prepared.run(this.#abort.signal, (text) => this.log.write("o", Buffer.from(text)));
    return await Promise.race([ended, this.#afterGrace()]);
  }

  /** The last look at the lease before user code begins. The lease thread has the final word, but looks every 250 ms. */
  #mayStart(): boolean {
    if (!this.#isLeaseOver()) return true;
    this.stop("lease_over", 0);
    return false;
  }

  #isLeaseOver(): boolean {
    return isTermDue(this.offer, this.#options.take.base, this.#options.renewed());
  }

  #started(): void {
    this.#phase = "running";
    this.#startedMs = Date.now();
    this.#options.report({ t: "started", attempt: this.offer.attempt, epoch: this.offer.epoch, atMs: this.#startedMs });
  }

  async #runProcess(prepared: PreparedProcess): Promise<Finished> {
    this.#cancelFile = prepared.cancelFile;
    // An interpreter that has seen classified data carries nobody else.
    if (prepared.warm !== undefined && !this.#isClassified && !isLimited(this.offer.resources)) {
      const worker = await this.#options.warm.take(prepared.warm);
      if (worker !== undefined && this.#stop !== undefined) {
        await worker.end();
        return stoppedBefore;
      }
      if (worker !== undefined) return await this.#runWarm(prepared, prepared.warm.order, worker);
    }
    this.#tree = makeTree(this.#options.cgroupParent, this.offer.attempt);
    this.#options.leases.move(this.offer.attempt, this.#tree);
    const unlimited = limitTree(this.#tree, this.offer.resources);
    if (unlimited !== undefined) this.log.note(`capstan: ${unlimited}`);
    this.#options.leases.flush();
    const spawned = await this.#options.spawner.spawn({
      prepared,
      tree: this.#tree,
      cgroupParent: this.#options.cgroupParent,
      epoch: this.offer.epoch,
    });
    if (spawned.kind === "failed") {
      return {
        outcome: "failed",
        failure: {
          class: "setup",
          code: "spawn_failed",
          message: `cannot start ${prepared.argv[0]}: ${spawned.message}`,
        },
      };
    }
    // The first process is gone; what it left behind is no longer the task, and would hold the pipes open for ever.
    return await this.#follow(prepared, spawned.process, async () => {
      await killTree(this.#tree);
    });
  }

  /** Runs in an interpreter that carries one attempt after another. It goes on to the next one only after a success. */
  async #runWarm(prepared: PreparedProcess, order: object, worker: WarmWorker): Promise<Finished> {
    const own = this.#tree;
    this.#tree = { ...worker.tree, also: this.offer.attempt };
    this.#options.leases.move(this.offer.attempt, this.#tree);
    const env = environmentOf({
      prepared,
      tree: own,
      epoch: this.offer.epoch,
      cgroupParent: this.#options.cgroupParent,
    });
    this.#options.leases.flush();
    try {
      const finished = await this.#follow(prepared, worker.carry(order, env, prepared.cwd), async (code) => {
        if (code === 0 && this.#stop === undefined) worker.freeze();
        else await killTree(this.#tree);
      });
      const isGood = finished.outcome === "succeeded" && finished.skip !== true && this.#stop === undefined;
      // A1: beside the interpreter, which is stopped, nothing may run. What else speaks against it is looked at later.
      if (isGood && worker.isAlone(this.#tree)) this.#rested = worker;
      return finished;
    } finally {
      // A rested one goes on under another name: this attempt's lease is taken off it with its end.
      if (this.#rested === undefined) {
        await worker.end();
        this.#options.leases.move(this.offer.attempt, own);
      }
      this.#tree = own;
    }
  }

  /** Follows a process that runs to its end: its log, events, timeout, outputs. */
  async #follow(
    prepared: PreparedProcess,
    { stdout, stderr, exited, closed }: RunningProcess,
    settle: (code: number | null) => Promise<void>,
  ): Promise<Finished> {
    this.log.follow("o", stdout);
    this.log.follow("e", stderr);
    // A stop that came while the process was being born has signalled an empty tree.
    if (this.#stop !== undefined) this.#signalStop(this.#stop);
    const { timeoutMs, graceMs } = this.offer;
    const timeout = timeoutMs === undefined ? undefined : longTimeout(timeoutMs, () => this.stop("timeout", graceMs));
    const events = prepared.eventsFile === undefined ? undefined : new EventFile(prepared.eventsFile);
    const look = events === undefined ? undefined : setInterval(() => this.#report(events.read(false)), eventLookMs);
    const { code, signal } = await exited;
    timeout?.cancel();
    clearInterval(look);
    const oom = code === 137 || signal === "SIGKILL" ? oomKilled(this.#tree) : false;
    await settle(code);
    // A process outside the tree may hold a pipe it was given. While our own spool is full, the pipe must wait instead.
    const pipesHeld = setInterval(() => {
      if (this.log.isBlocked && this.#stop === undefined) return;
      stdout.destroy();
      stderr.destroy();
    }, pipeCloseMs);
    await closed;
    clearInterval(pipesHeld);
    if (events !== undefined) this.#report(events.read(true));
    const exit: ProcessExit = {
      exitCode: code ?? undefined,
      signal: signal ?? undefined,
      oom,
      stopped: stoppedOf(this.#stop),
    };
    const finished = await prepared.collect(exit);
    return {
      ...finished,
      ...(code === null ? {} : { exitCode: code }),
      ...(signal === null ? {} : { signal }),
    };
  }

  /** For work inside the runner: it must end soon after the abort; where it does not, nobody waits for it. */
  #afterGrace(): Promise<Finished> {
    const { timeoutMs, graceMs } = this.offer;
    const timeout = timeoutMs === undefined ? undefined : longTimeout(timeoutMs, () => this.stop("timeout", graceMs));
    this.#abort.signal.addEventListener("abort", () => timeout?.cancel());
    return new Promise((resolve) => {
      this.#abort.signal.addEventListener("abort", () => setTimeout(() => resolve(stoppedBefore), graceMs).unref());
    });
  }

  #report(events: ReturnType<EventFile["read"]>): void {
    for (const { type, body } of events) {
      const event = maskedJson(body, this.log.masking);
      const told = this.#isKept ? keptEvent(type, event, (text) => this.log.note(text)) : event;
      if (told !== undefined) this.#tell(type, told);
    }
  }

  #tell(type: AttemptEventType, body: JsonObject): void {
    const { attempt, epoch } = this.offer;
    const seq = this.#events.length + 1;
    const event = { t: "event", attempt, epoch, seq, atMs: Date.now(), type, body } as const;
    this.#events.push(event);
    this.#options.report(event);
  }

  #writeCancelFile(): void {
    if (this.#cancelFile === undefined || this.#stop === undefined) return;
    const problem = writeCancelFile(this.#cancelFile, this.#stop);
    if (problem !== undefined) this.log.note(`capstan: the cancel file could not be written: ${problem}`);
  }

  #finishOf(finished: Finished): FinishItem {
    const said = wordOf(finished, this.log.masking);
    const word = this.#isKept ? keptWord(said, (text) => this.log.note(text)) : said;
    const log = this.log.end();
    const { store } = this.#options.take;
    return finishOf({
      offer: this.offer,
      startedMs: this.#startedMs,
      stop: this.#stop,
      outcome: finished.outcome,
      word: this.#held === undefined ? word : { ...word, held: this.#held },
      log: log === undefined || !this.#isKept || store === undefined ? log : { ...log, store: store.id },
    });
  }
}
