import { Controller, Inject } from "@nestjs/common";
import { agentStates, idFromUuid, type LiveFrame } from "@capstan/proto";
import { AuthService } from "../auth/auth.service.ts";
import { SITE, type Site } from "../auth/site.ts";
import { watchRights } from "../auth/stream-watch.ts";
import { AGENT_PICTURE, type AgentPicture, type PicturedAgent } from "../explain/agent-picture.ts";
import { QueueService } from "../explain/queue.service.ts";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { SseStream } from "../http/sse.ts";
import {
  EVENT_LOG,
  isAfter,
  parsePosition,
  positionText,
  type EventLog,
  type LoggedEvents,
  type Position,
} from "./event-log.ts";
import { EventReader } from "./event-reader.ts";
import { framesOf } from "./frames.ts";
import { parseTopics, wants, type Topics } from "./topic.ts";

const lookMs = 1_000;
const replayBatch = 500;

@Controller()
export class LiveController {
  private readonly reader: EventReader;
  private readonly log: EventLog;
  private readonly picture: AgentPicture;
  private readonly queue: QueueService;
  private readonly auth: AuthService;
  private readonly site: Site;

  constructor(
    @Inject(EventReader) reader: EventReader,
    @Inject(EVENT_LOG) log: EventLog,
    @Inject(AGENT_PICTURE) picture: AgentPicture,
    @Inject(QueueService) queue: QueueService,
    @Inject(AuthService) auth: AuthService,
    @Inject(SITE) site: Site,
  ) {
    this.reader = reader;
    this.log = log;
    this.picture = picture;
    this.queue = queue;
    this.auth = auth;
    this.site = site;
  }

  @Handles("eventStream")
  async stream(@Call("eventStream") call: CallOf<"eventStream">): Promise<void> {
    const topics = parseTopics(call.query.topics);
    const lastId = call.request.headers["last-event-id"];
    const from = typeof lastId === "string" ? parsePosition(lastId) : undefined;
    const resumable = from !== undefined && (await this.log.canResume(from));
    const start = resumable ? from : await this.log.head();
    const stream = new SseStream(call.request, call.reply);
    if (lastId !== undefined && !resumable) {
      stream.send({ id: positionText(start), event: "reset", data: resetFrame() });
    }
    // Subscribe before replaying, and hold back meanwhile, so that nothing falls between the two.
    let at: Position = start;
    let held: LoggedEvents[] | undefined = [];
    const deliver = (found: readonly LoggedEvents[]): void => {
      if (held !== undefined) {
        held.push(...found);
        return;
      }
      for (const events of found) {
        if (!isAfter(events.position, at)) continue;
        at = events.position;
        if (events.projectId === call.project.id) send(stream, topics, events);
      }
    };
    stream.onClose(this.reader.subscribe(deliver));
    const watched = { request: call.request, project: call.project, route: "eventStream" } as const;
    stream.onClose(watchRights(watched, { auth: this.auth, site: this.site }, () => stream.close()));
    if (topics.agents || topics.queue) this.watchStates(call.project.id, topics, stream);
    try {
      for (;;) {
        const found = await this.log.after(at, replayBatch);
        for (const events of found) {
          at = events.position;
          if (events.projectId === call.project.id) send(stream, topics, events);
        }
        if (found.length < replayBatch || stream.closed) break;
      }
    } catch {
      // The client comes back with its last id and gets what it missed.
      stream.close();
      return;
    }
    const late = held;
    held = undefined;
    deliver(late);
  }

  /** Agents and the queue have no event log: their state is compared each second, and what changed is told. */
  private watchStates(projectId: string, topics: Topics, stream: SseStream): void {
    const told = new Map<string, string>();
    const tell = (event: "agent" | "queue", subject: string, patch: LiveFrame["patch"]): void => {
      const text = JSON.stringify(patch);
      if (told.get(subject) === text) return;
      told.set(subject, text);
      stream.send({ event, data: { subject, patch, at: new Date().toISOString() } satisfies LiveFrame });
    };
    let busy = false;
    const look = async (): Promise<void> => {
      if (busy || stream.closed) return;
      busy = true;
      try {
        if (topics.agents) {
          for (const agent of await this.picture.agents(projectId))
            tell("agent", idFromUuid("ag", agent.id), agentPatch(agent));
        }
        if (topics.queue) {
          const queue = await this.queue.show(projectId);
          tell("queue", "queue", { groups: queue.data.map((group) => ({ ...group })), total: queue.total });
        }
      } finally {
        busy = false;
      }
    };
    const timer = setInterval(() => void look().catch(() => undefined), lookMs);
    stream.onClose(() => clearInterval(timer));
  }
}

const resetFrame = (): LiveFrame => ({ subject: "stream", patch: {}, at: new Date().toISOString() });

function send(stream: SseStream, topics: Topics, events: LoggedEvents): void {
  const frames = framesOf(events).filter((frame) => wants(topics, events, frame));
  for (const [index, frame] of frames.entries()) {
    // Only the last frame of a row carries its position: a client that lost one of them gets the row again.
    const id = index === frames.length - 1 ? { id: positionText(events.position) } : {};
    if (!stream.send({ ...id, event: frame.type, data: frame.frame })) return;
  }
}

const agentPatch = (agent: PicturedAgent): LiveFrame["patch"] => ({
  name: agent.name,
  state: agentStates.find((state) => state === agent.state) ?? agent.state,
  connection: agent.online ? "online" : "offline",
  slots: agent.slots,
  slotsUsed: agent.slotsUsed,
});
